"""The images that a served model searches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from models.serving.search import answer_checks, nearest, squared_norms
from models.serving.versions import ExportError


class Gallery(tf.Module):
    """Embeddings with names and labels, as variables: a graph's constants may not be larger than 2 GB.

    Args:
      ids: [gallery] names.
      labels: [gallery] names of their classes, empty where there is none.
      embeddings: [gallery, embedding_size] float32, normalised.

    Raises:
      ExportError: there are none, numbers differ, or an embedding is not finite.
    """

    def __init__(self, ids: Sequence[str | bytes], labels: Sequence[str | bytes], embeddings: np.ndarray):
        super().__init__(name="gallery")
        if not len(ids) or not len(ids) == len(labels) == len(embeddings):
            raise ExportError(
                f"A gallery needs as many ids as labels and embeddings, at least one; got {len(ids)}, {len(labels)} "
                f"and {len(embeddings)}."
            )
        if not np.isfinite(embeddings).all():
            broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
            raise ExportError(
                f"{len(broken)} of {len(ids)} gallery embeddings are not finite, the first of {ids[broken[0]]!r}; the "
                "network has diverged. Export another run."
            )
        with tf.device("CPU:0"):
            self.embeddings = tf.Variable(np.asarray(embeddings, np.float32), trainable=False)
            self.squares = tf.Variable(squared_norms(np.asarray(embeddings)), trainable=False)
            self.ids = tf.Variable(tf.constant(list(ids)), trainable=False)
            self.labels = tf.Variable(tf.constant(list(labels)), trainable=False)

    def checks(self, batch: tf.Tensor, k: tf.Tensor) -> list[tf.Operation]:
        """Assertions that ``search`` can answer about the k nearest of so many; see ``answer_checks``."""
        return answer_checks(batch, tf.shape(self.ids)[0], k)

    def search(self, embeddings: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """The k nearest of each embedding: ``ids``, ``labels`` and ``distances``, [batch, min(k, gallery)] each."""
        indices, distances = nearest(embeddings, self.embeddings, self.squares, k)
        with tf.device("CPU:0"):
            return {
                "ids": tf.gather(self.ids, indices),
                "labels": tf.gather(self.labels, indices),
                "distances": distances,
            }
