"""Embeddings of a data set, and the score that selects a model."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from evaluate.metrics import retrieval_metrics


class Embedder:
    """Runs a network over batches in inference mode.

    The network's call is compiled once for all batches and all evaluations of a run.

    Args:
      model: images to embeddings.
    """

    def __init__(self, model: tf.keras.Model):
        self._infer = tf.function(lambda images: model(images, training=False), reduce_retracing=True)

    def raw(self, batches: tf.data.Dataset) -> tf.Tensor:
        """The network's output for batches of images, [num_images, embedding_size] float32."""
        return tf.concat([self._infer(images) for images in batches], axis=0)

    def normalized(self, batches: tf.data.Dataset) -> np.ndarray:
        """The same, ``lipschitz_normalize``d: what is judged and served."""
        return lipschitz_normalize(self.raw(batches)).numpy()


class Validator:
    """Scores a network on a fixed set, by leave-one-out retrieval.

    Attributes:
      embeddings: of the last call, [num_examples, embedding_size], normalised; None before it.
      labels: [num_examples].

    Args:
      embedder: the network.
      batches: images of the set, in order.
      labels: [num_examples].
    """

    def __init__(self, embedder: Embedder, batches: tf.data.Dataset, labels: np.ndarray):
        self._embedder, self._batches, self.labels = embedder, batches, labels
        self.embeddings: np.ndarray | None = None

    def __call__(self) -> dict[str, float]:
        """The metrics of the network as it is now."""
        self.embeddings = self._embedder.normalized(self._batches)
        return retrieval_metrics(self.embeddings, self.labels)
