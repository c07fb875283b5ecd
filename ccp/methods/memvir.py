"""MemVir: past steps as virtual classes."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.keras_api import replicated_zeros
from ccp.losses.pair_loss import PairLoss, prepare
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.references.class_proxies import ClassProxies
from ccp.references.cross_batch_memory import overwrite
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class MemVirLoss(WholeBatchLoss):
    """MemVir: embeddings and proxies of past steps join the batch and its proxies, as virtual classes.

    The classes of a past step are others than those of the current one: its embeddings are positives of its own
    proxies alone, and negatives of all others. There are ``virtual_steps`` of them, the k-th as it was
    k · (virtual_gap + 1) steps ago; they appear one after the other as training advances. No gradient goes into the
    past, but its embeddings push the current proxies away, and its proxies the current embeddings.

    All proxies of virtual_steps · (virtual_gap + 1) steps are kept: that many times the size of the proxies.

    Source: Ko, Gu and Kim, "Learning with Memory-based Virtual Classes for Deep Metric Learning", ICCV 2021.

    At hand: the authors' code, from which values are recorded.

    Departs: virtual classes start after a number of steps, where the authors count epochs. Their steps and gap are 45
    and 10 with a normalised softmax on Cars196, 20 and 25 with ProxyNCA; the defaults here keep less.

    Args:
      pair_loss: any ``PairLoss`` that works against references.
      proxies: the class proxies.
      batch_size: of the largest batch.
    """

    pair_loss: PairLoss
    proxies: ClassProxies
    batch_size: int
    virtual_steps: int = setting(5, "past steps whose classes are virtual ones (N)", at_least=1)
    virtual_gap: int = setting(10, "steps left out between two of them (M)", at_least=0)
    virtual_start_step: int = setting(1000, "steps before the first is kept", at_least=0)
    name: str = "memvir"

    def __post_init__(self):
        super().__post_init__()
        shape = (self.proxies.num_classes, self.proxies.proxies_per_class, self.proxies.embedding_size)
        self.past = PastSteps(self.virtual_steps * (self.virtual_gap + 1), self.batch_size, shape)

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The loss of labels [batch] and embeddings [batch, embedding_size], real and past: a float32 scalar."""
        labels, embeddings = prepare(labels, embeddings)
        labels = self.proxies.checked(labels, embeddings)
        proxy_labels, points = self.proxies.references()
        ages = (self.virtual_gap + 1) * tf.range(1, self.virtual_steps + 1, dtype=tf.int64)
        first_label = self.proxies.num_classes * tf.range(1, self.virtual_steps + 1, dtype=tf.int64)[:, tf.newaxis]
        past = self.past.before(ages)

        def with_past(now, then, exists):
            return tf.concat([now, tf.boolean_mask(then, exists)], axis=0)

        past_points = tf.reshape(past.proxies, [self.virtual_steps, -1, self.proxies.embedding_size])
        exists = tf.broadcast_to(past.exists[:, tf.newaxis], tf.shape(past_points)[:2])
        loss = self.pair_loss.against(
            with_past(labels, past.labels + first_label, past.is_row),
            with_past(embeddings, past.embeddings, past.is_row),
            with_past(proxy_labels, proxy_labels + first_label, exists),
            with_past(points, past_points, exists),
        )
        self.past.store(labels, embeddings, self.proxies.points, self.virtual_start_step)
        return loss


@dataclasses.dataclass
class Past:
    """What was stored at some steps.

    Attributes:
      exists: [steps] bool, whether anything was.
      is_row: [steps, batch_size] bool, whether there is an embedding.
      labels: [steps, batch_size] int64.
      embeddings: [steps, batch_size, embedding_size] float32.
      proxies: [steps, num_classes, proxies_per_class, embedding_size] float32.
    """

    exists: tf.Tensor
    is_row: tf.Tensor
    labels: tf.Tensor
    embeddings: tf.Tensor
    proxies: tf.Tensor


class PastSteps(tf.keras.layers.Layer):
    """Embeddings, labels and proxies of the last steps.

    Args:
      num_steps: that are kept.
      batch_size: of the largest batch.
      shape: of the proxies, [num_classes, proxies_per_class, embedding_size].
    """

    def __init__(self, num_steps: int, batch_size: int, shape: tuple[int, int, int], name: str = "past_steps"):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.num_steps, self.batch_size = num_steps, batch_size
        self.embeddings = replicated_zeros(self, "embeddings", (num_steps, batch_size, shape[-1]))
        self.stored_labels = replicated_zeros(self, "labels", (num_steps, batch_size), tf.int64)
        self.rows = replicated_zeros(self, "rows", (num_steps,), tf.int64)
        self.proxies = replicated_zeros(self, "proxies", (num_steps, *shape))
        self.steps_seen = replicated_zeros(self, "steps_seen", (), tf.int64)
        self.stored = replicated_zeros(self, "stored", (), tf.int64)

    def before(self, ages: tf.Tensor) -> Past:
        """What was stored ``ages`` steps ago, [steps] int64 from 1, the last store being 1 step ago."""
        exists = self.stored >= ages
        slots = tf.math.floormod(self.stored - ages, self.num_steps)
        rows = tf.where(exists, tf.gather(self.rows, slots), 0)
        is_row = tf.range(self.batch_size, dtype=tf.int64) < rows[:, tf.newaxis]
        stored = (tf.gather(kept, slots) for kept in (self.stored_labels, self.embeddings, self.proxies))
        return Past(exists, is_row, *stored)

    def store(self, labels: tf.Tensor, embeddings: tf.Tensor, proxies: tf.Tensor, start_step: int) -> None:
        """Overwrites the oldest step; the first ``start_step`` ones are only counted.

        Raises:
          InvalidArgumentError: the batch is larger than ``batch_size``.
        """
        size = tf.shape(embeddings, out_type=tf.int64)[0]
        too_large = f"A batch does not fit into MemVir's memory of batches of {self.batch_size}; enlarge batch_size."
        tf.debugging.assert_less_equal(size, tf.constant(self.batch_size, tf.int64), message=too_large)
        slot = tf.math.floormod(self.stored, self.num_steps)[tf.newaxis, tf.newaxis]
        padding = self.batch_size - size
        overwrite(self.embeddings, slot, tf.pad(tf.stop_gradient(embeddings), [[0, padding], [0, 0]])[tf.newaxis])
        overwrite(self.stored_labels, slot, tf.pad(labels, [[0, padding]])[tf.newaxis])
        overwrite(self.rows, slot, size[tf.newaxis])
        overwrite(self.proxies, slot, tf.stop_gradient(tf.convert_to_tensor(proxies))[tf.newaxis])
        self.stored.assign_add(tf.cast(self.steps_seen >= start_step, tf.int64))
        self.steps_seen.assign_add(1)
