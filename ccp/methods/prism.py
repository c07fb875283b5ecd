"""PRISM: a filter of noisy labels before a cross-batch memory."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.keras_api import replicated_zeros
from ccp.losses.pair_loss import PairLoss, prepare
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.references.cross_batch_memory import CrossBatchMemory, overwrite
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class PRISMLoss(WholeBatchLoss):
    """PRISM: examples whose label the memory contradicts are left out of a batch and of the memory.

    Once the memory is full, an example counts only if the softmax over classes of x · v, on its own class, is above a
    threshold, where v is the mean of the class's normalised embeddings in the memory. The threshold is the mean over
    the last ``noise_window`` batches of the probability below which noise_rate of the batch was. Examples of classes
    that the memory lacks count. Of the others, the loss is pair_loss(batch) + memory_weight · pair_loss(memory); the
    batch joins the memory after that.

    Source: Liu et al., "Noise-resistant Deep Metric Learning with Ranking-based Instance Selection", CVPR 2021, with
    the smooth top-R threshold (sTRM).

    At hand: the authors' code, from which values are recorded.

    Departs: the memory is used once it is full, as elsewhere here, where the authors use what there is. The means are
    over what the memory holds, where theirs stay as they were until a class is stored again.

    Args:
      pair_loss: any ``PairLoss`` that works against references.
      memory: the cross-batch memory.
      num_classes: classes, labelled 0 … num_classes − 1.
      memory_weight: weight of the batch against the memory.
    """

    pair_loss: PairLoss
    memory: CrossBatchMemory
    num_classes: int
    noise_rate: float = setting(0.1, "share of a batch that counts as noise on average (R)", at_least=0, below=1)
    noise_window: int = setting(30, "batches over which the noise threshold is averaged (τ)", at_least=1)
    memory_weight: float = 1.0
    name: str = "prism"

    def __post_init__(self):
        super().__post_init__()
        if not self.memory_weight >= 0:
            raise ValueError(f"memory_weight must be at least 0; got {self.memory_weight}.")
        self.threshold = NoiseThreshold(self.noise_rate, self.noise_window)

    @tf.autograph.experimental.do_not_convert
    def call(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """The loss of those of labels [batch] and embeddings [batch, embedding_size] that count: a float32 scalar."""
        labels, embeddings = prepare(labels, embeddings)
        ready = self.memory.ready()
        counted = tf.cond(
            ready,
            lambda: self.threshold.counted(self._probabilities(labels, tf.stop_gradient(embeddings))),
            lambda: tf.ones_like(labels, tf.bool),
        )
        own_labels, own = tf.boolean_mask(labels, counted), tf.boolean_mask(embeddings, counted)
        against_memory = tf.cond(
            ready,
            lambda: self.pair_loss.against(own_labels, own, *self.memory.references()),
            lambda: tf.constant(0.0),
        )
        total = self.pair_loss.call(own_labels, own) + self.memory_weight * against_memory
        self.memory.store(own_labels, own)
        # An embedding that is NaN is left out, and the loss has to show it.
        return total + 0.0 * tf.reduce_sum(embeddings)

    def _probabilities(self, labels: tf.Tensor, embeddings: tf.Tensor) -> tf.Tensor:
        """That each label is right, by the memory: [batch] float32, 1 for classes that it lacks."""
        stored_labels, stored = self.memory.references()
        means = tf.math.unsorted_segment_mean(lipschitz_normalize(stored), stored_labels, self.num_classes)
        counts = tf.math.unsorted_segment_sum(tf.ones_like(stored_labels), stored_labels, self.num_classes)
        logits = tf.matmul(lipschitz_normalize(embeddings), means, transpose_b=True)
        own = tf.gather(tf.nn.softmax(logits), labels, batch_dims=1)
        return tf.where(tf.gather(counts, labels) > 0, own, 1.0)


class NoiseThreshold(tf.keras.layers.Layer):
    """A running threshold of probabilities.

    Attributes:
      window: [window] float32, the thresholds of the last batches.
      filled: [] int64, how many there have been since the window was emptied.

    Args:
      noise_rate: share of each batch that its own threshold is above.
      window: thresholds that are averaged.
    """

    def __init__(self, noise_rate: float, window: int, name: str = "noise_threshold"):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.noise_rate, self.size = noise_rate, window
        self.window = replicated_zeros(self, "window", (window,), tf.float32)
        self.filled = replicated_zeros(self, "filled", (), tf.int64)

    def counted(self, probabilities: tf.Tensor) -> tf.Tensor:
        """Which of the batch count, [batch] bool, by their probabilities [batch]; updates the window.

        Of a batch of which nothing is above the threshold, all but its lowest count, and the window starts anew.
        """
        batch = tf.shape(probabilities)[0]
        num_low = tf.cast(self.noise_rate * tf.cast(batch, tf.float64), tf.int32)

        def some():
            order = tf.argsort(probabilities, stable=True)
            own = tf.gather(probabilities, order[num_low - 1])
            # 1 is that of a class which the memory lacks. Neither this nor a NaN is a threshold.
            self._push(own, own < 1.0)
            not_lowest = tf.argsort(order) >= num_low
            above = probabilities > self._mean()
            usable = tf.logical_and(self.filled > 0, tf.reduce_any(above))
            self._restart(tf.logical_and(self.filled > 0, tf.logical_not(usable)))
            return tf.where(usable, above, not_lowest)

        return tf.cond(num_low > 0, some, lambda: tf.ones([batch], tf.bool))

    def _push(self, own: tf.Tensor, usable: tf.Tensor) -> None:
        slot = tf.math.floormod(self.filled, self.size)
        value = tf.where(usable, own, tf.gather(self.window, slot))
        overwrite(self.window, slot[tf.newaxis, tf.newaxis], value[tf.newaxis])
        self.filled.assign_add(tf.cast(usable, tf.int64))

    def _mean(self) -> tf.Tensor:
        in_use = tf.range(self.size, dtype=tf.int64) < self.filled
        total = tf.reduce_sum(tf.where(in_use, tf.convert_to_tensor(self.window), 0.0))
        return tf.math.divide_no_nan(total, tf.math.count_nonzero(in_use, dtype=tf.float32))

    def _restart(self, wanted: tf.Tensor) -> None:
        """Keeps the last threshold alone."""
        last = tf.gather(self.window, tf.math.floormod(self.filled - 1, self.size))
        value = tf.where(wanted, last, tf.gather(self.window, 0))
        overwrite(self.window, tf.constant([[0]], tf.int64), value[tf.newaxis])
        self.filled.assign(tf.where(wanted, tf.constant(1, tf.int64), tf.identity(self.filled)))
