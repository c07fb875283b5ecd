"""Embeddings of a data set, and the score that selects a model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from datasets.examples import Examples
from datasets.manifest import GALLERY, QUERY, DataError
from datasets.pipelines import EvaluationImages
from evaluate.metrics import evaluate_retrieval
from evaluate.result import RetrievalResult


class Embedder:
    """Runs a network over batches in inference mode.

    The network's call is compiled once for all batches and all evaluations of a run.

    Args:
      model: images to embeddings.
    """

    def __init__(self, model: tf.keras.Model):
        self._infer = tf.function(lambda images: model(images, training=False), reduce_retracing=True)

    def raw(self, batches: Iterable[tf.Tensor]) -> tf.Tensor:
        """The network's output for batches of images, [num_images, embedding_size] float32."""
        return tf.concat([self._infer(images) for images in batches], axis=0)

    def normalized(self, images: Iterable[tuple[np.ndarray, tf.Tensor]]) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings, ``lipschitz_normalize``d: what is judged and served.

        Args:
          images: as ``EvaluationImages``.

        Returns:
          Embeddings [num_images, embedding_size], and which examples they are of [num_images]: all that could be read.

        Raises:
          DataError: none could.
        """
        kept, embeddings = [], []
        for indices, batch in images:
            kept.append(indices)
            embeddings.append(self._infer(batch))
        if not kept:
            raise DataError("None of the images could be read, so there is nothing to judge.")
        return lipschitz_normalize(tf.concat(embeddings, axis=0)).numpy(), np.concatenate(kept)


class Validator:
    """Scores a network on a fixed set.

    Attributes:
      embeddings: of the last call, [num_images, embedding_size], normalised; None before it.
      labels: of those, [num_images].
      kept: which of the set's examples those are, [num_images].

    Args:
      embedder: the network.
      images: of the set, as ``EvaluationImages``.
    """

    def __init__(self, embedder: Embedder, images: EvaluationImages):
        self._embedder, self._images = embedder, images
        self.embeddings: np.ndarray | None = None
        self.labels: np.ndarray | None = None
        self.kept: np.ndarray | None = None

    def __call__(self) -> dict[str, float]:
        """The metrics of the network as it is now."""
        self.embeddings, self.kept = self._embedder.normalized(self._images)
        self.labels = self._images.examples.labels[self.kept]
        return judged(self.embeddings, self.kept, self._images.examples)


def judged(embeddings: np.ndarray, kept: np.ndarray, examples: Examples) -> dict[str, float]:
    """The metrics that a training is followed by; see ``retrieval``."""
    return retrieval(embeddings, kept, examples, recall_at=(), with_mrr=False).means


def retrieval(embeddings: np.ndarray, kept: np.ndarray, examples: Examples, **options) -> RetrievalResult:
    """Retrieval scores of embeddings.

    Queries search the gallery where the data set keeps the two apart; otherwise it is leave-one-out.

    Args:
      embeddings: [num_images, embedding_size].
      kept: [num_images] which of the examples they are of.
      examples: the set.
      **options: of ``evaluate_retrieval``.
    """
    labels, roles = examples.labels[kept], examples.roles[kept]
    if not (roles == QUERY).any():
        return evaluate_retrieval(embeddings, labels, **options)
    queries, gallery = roles == QUERY, roles == GALLERY
    return evaluate_retrieval(embeddings[queries], labels[queries], embeddings[gallery], labels[gallery], **options)
