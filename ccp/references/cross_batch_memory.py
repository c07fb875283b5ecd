"""Cross-batch memory: a queue of past embeddings."""

from __future__ import annotations

import tensorflow as tf

from ccp.keras_api import replicated_zeros
from ccp.pairs import as_labels
from ccp.references.embedding_size import check_embedding_size


@tf.keras.utils.register_keras_serializable(package="ccp")
class CrossBatchMemory(tf.keras.layers.Layer):
    """The embeddings of the last batches, which a batch is compared with (XBM, Wang et al., CVPR 2020).

    The current batch is stored before the memory is used, as in the original code; ``own_copies`` says where, so that
    no example is its own pair. Embeddings are stored as the network's output; no gradient flows into them.

    Args:
      capacity: number of embeddings; a multiple of the batch size holds whole batches.
      embedding_size: as the network's.
      start_step: number of batches before the queue starts to fill; the memory is used once ``capacity`` embeddings
        have been stored after that.
    """

    def __init__(self, capacity: int, embedding_size: int, start_step: int = 0, name: str = "cross_batch_memory"):
        super().__init__(name=name, trainable=False, dtype="float32")  # Under a mixed-precision policy too.
        if capacity < 1 or start_step < 0:
            raise ValueError(f"capacity must be at least 1 and start_step at least 0; got {capacity}, {start_step}.")
        self.capacity, self.embedding_size, self.start_step = int(capacity), int(embedding_size), int(start_step)

        self.embeddings = replicated_zeros(self, "embeddings", (self.capacity, self.embedding_size), tf.float32)
        self.stored_labels = replicated_zeros(self, "labels", (self.capacity,), tf.int64)
        self.batches_seen = replicated_zeros(self, "batches_seen", (), tf.int64)
        self.next_slot = replicated_zeros(self, "next_slot", (), tf.int64)
        self.filled = replicated_zeros(self, "filled", (), tf.int64)

    def store(self, labels: tf.Tensor, embeddings: tf.Tensor) -> None:
        """Overwrites the oldest embeddings by a batch: labels [batch], embeddings [batch, embedding_size].

        Raises:
          ConfigError: the embeddings have another size.
          InvalidArgumentError: the batch is larger than the memory.
          TypeError: the labels are no integers.
        """
        labels = as_labels(labels)
        if labels.dtype != tf.int64:
            raise TypeError(f"The memory keeps integer labels; got {labels.dtype.name}. Number the classes from 0.")
        check_embedding_size(self, embeddings)
        size = tf.shape(embeddings, out_type=tf.int64)[0]
        too_large = f"A batch does not fit into a memory of {self.capacity} embeddings; enlarge the memory."
        tf.debugging.assert_less_equal(size, tf.constant(self.capacity, tf.int64), message=too_large)
        slots = tf.math.floormod(self.next_slot + tf.range(size, dtype=tf.int64), self.capacity)[:, tf.newaxis]
        overwrite(self.embeddings, slots, tf.stop_gradient(tf.cast(embeddings, tf.float32)))
        overwrite(self.stored_labels, slots, labels)
        self.next_slot.assign(tf.math.floormod(self.next_slot + size, self.capacity))
        counts = tf.cast(self.batches_seen >= self.start_step, tf.int64)
        self.filled.assign(tf.minimum(self.filled + counts * size, self.capacity))
        self.batches_seen.assign_add(1)

    def references(self) -> tuple[tf.Tensor, tf.Tensor]:
        """Labels [capacity] and embeddings [capacity, embedding_size]."""
        return tf.identity(self.stored_labels), tf.identity(self.embeddings)

    def own_copies(self, batch: tf.Tensor) -> tf.Tensor:
        """The indices of the batch that was stored last: [batch] int64."""
        size = tf.cast(batch, tf.int64)
        return tf.math.floormod(self.next_slot - size + tf.range(size), self.capacity)

    def ready(self) -> tf.Tensor:
        """Whether the queue is full, a bool scalar."""
        return self.filled >= self.capacity

    def get_config(self) -> dict:
        """The constructor's arguments; the contents are not part of it."""
        return {name: getattr(self, name) for name in ("name", "capacity", "embedding_size", "start_step")}


def overwrite(variable: tf.Variable, slots: tf.Tensor, rows: tf.Tensor) -> None:
    """Writes rows [slots, …] at slots [slots, 1], in place; variables of replicas have no ``scatter_nd_update``."""
    tf.raw_ops.ResourceScatterNdUpdate(ref=variable.handle, indices=slots, updates=rows)
