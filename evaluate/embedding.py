"""Embeddings of a data set, and the score that selects a model."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from ccp.distances import lipschitz_normalize
from ccp.distribution.replicas import Replicas
from datasets.examples import Examples
from datasets.input.pipelines import EvaluationImages
from datasets.manifest import GALLERY, QUERY, DataError
from evaluate.metrics.result import RetrievalResult
from evaluate.metrics.retrieval import evaluate_retrieval


class Embedder:
    """Runs a network over batches in inference mode, on all devices of this process.

    The network's call is compiled once for all batches and all evaluations of a run.

    Args:
      model: images to embeddings.
      replicas: the devices; None is one.
    """

    def __init__(self, model: tf.keras.Model, replicas: Replicas | None = None):
        self._replicas = replicas or Replicas()
        self._embedding_size = model.output_shape[-1]
        self._model = model
        self._call = tf.function(self._on_every_device, reduce_retracing=True, autograph=False)

    def raw(self, batches: Iterable[tf.Tensor], shared: bool = False) -> tf.Tensor:
        """The network's output for batches of images, [num_images, embedding_size] float32.

        Args:
          batches: the images.
          shared: these are this process's share, and the output is for all; every process calls this.
        """
        none = tf.zeros([0, self._embedding_size])
        outputs = tf.concat([none, *(self._infer(images) for images in batches)], axis=0)
        return tf.constant(self._replicas.gather(outputs.numpy())) if shared else outputs

    def normalized(
        self, images: Iterable[tuple[np.ndarray, tf.Tensor]], shared: bool = False
    ) -> tuple[np.ndarray, np.ndarray]:
        """Embeddings, ``lipschitz_normalize``d: what is judged and served.

        Args:
          images: as ``EvaluationImages``.
          shared: as for ``raw``.

        Returns:
          Embeddings [num_images, embedding_size], and which examples they are of [num_images]: all that could be read.

        Raises:
          DataError: none could.
        """
        kept = [np.zeros(0, np.int64)]

        def batches():
            for indices, batch in images:
                kept.append(indices)
                yield batch

        embeddings = self.raw(batches(), shared)
        if not len(embeddings):
            raise DataError("None of the images could be read, so there is nothing to judge.")
        of_images = np.concatenate(kept)
        return lipschitz_normalize(embeddings).numpy(), self._replicas.gather(of_images) if shared else of_images

    def _on_every_device(self, images):
        return self._replicas.run(functools.partial(self._model, training=False), [images])

    def _infer(self, images: tf.Tensor) -> tf.Tensor:
        return self._replicas.map_rows(self._call, images)


class Validator:
    """Scores a network on a fixed set.

    Attributes:
      embeddings: of the last call, [num_images, embedding_size], normalised; None before it.
      labels: of those, [num_images].
      kept: which of the set's examples those are, [num_images].

    Args:
      embedder: the network.
      images: of the set, as ``EvaluationImages``; where several processes share the work, this one's share.
    """

    def __init__(self, embedder: Embedder, images: EvaluationImages):
        self._embedder, self._images = embedder, images
        self.embeddings: np.ndarray | None = None
        self.labels: np.ndarray | None = None
        self.kept: np.ndarray | None = None

    def __call__(self) -> dict[str, float]:
        """The metrics of the network as it is now."""
        self.embeddings, self.kept = self._embedder.normalized(self._images, shared=True)
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
