"""The images that a served model searches, and their search in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from models.serving.threshold import DIFFERENT, SAME, UNSURE, Threshold
from models.serving.versions import ExportError
from models.serving.vote import vote_in_graph

SEARCH = "search"


class Gallery(tf.Module):
    """Embeddings with names and labels, as variables: the constants of a graph are limited to 2 GB.

    Args:
      ids: [gallery] names, at least one.
      labels: [gallery] class names, empty where unknown.
      embeddings: [gallery, embedding_size] float32, normalised.

    Raises:
      ExportError: an embedding is not finite.
    """

    def __init__(self, ids: Sequence[str | bytes], labels: Sequence[str | bytes], embeddings: np.ndarray):
        super().__init__(name="gallery")
        broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
        if len(broken):
            raise ExportError(
                f"{len(broken)} of {len(ids)} gallery embeddings are not finite, the first of {ids[broken[0]]!r}; the "
                "network has diverged. Export another run."
            )
        with tf.device("CPU:0"):
            self.embeddings = tf.Variable(embeddings, trainable=False)
            self.squared_norms = tf.Variable(np.square(embeddings).sum(axis=1), trainable=False)
            self.ids = tf.Variable(tf.constant(list(ids)), trainable=False)
            self.labels = tf.Variable(tf.constant(list(labels)), trainable=False)

    def search_signature(self, embed_encoded: Any, threshold: Threshold | None = None) -> Any:
        """The function of signature ``search``.

        It takes image files ``encoded_images`` [batch] string and ``k`` [] int32, and gives ``ids``, ``labels`` and
        ``distances`` of the nearest images, and what follows from them; see ``nearest`` and ``answers``.

        Args:
          embed_encoded: the function of signature ``encoded``.
          threshold: below which two images are of one class; None if it is not known.
        """

        def search(encoded_images: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
            found = self.nearest(embed_encoded(encoded_images=encoded_images)["embeddings"], k)
            return {**found, **answers(found, threshold)}

        inputs = tf.TensorSpec([None], tf.string, "encoded_images"), tf.TensorSpec([], tf.int32, "k")
        return tf.function(search, input_signature=inputs, autograph=False).get_concrete_function()

    def nearest(self, queries: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """The k nearest images of each query, nearest first.

        They are chosen by ‖g‖² − 2 q·g in float32, so the choice between images whose squared distances differ by less
        than about 1e-6 is arbitrary. ``evaluate.search`` is the exact search.

        Args:
          queries: [batch, embedding_size] float32, normalised.
          k: [] int32, not negative; the whole gallery if it has fewer images.

        Returns:
          ``ids`` and ``labels``, string, and Euclidean ``distances``, float32, [batch, min(k, gallery)] each.
        """
        k = tf.minimum(k, tf.size(self.ids))
        specs = tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)
        # On the processor: strings are nowhere else, and products of accelerators may be rounded more (TF32).
        with tf.device("CPU:0"):
            queries = tf.debugging.check_numerics(queries, "The network has diverged: an embedding is not finite")
            # One query at a time, so that memory does not grow with their number; and one more, as map_fn needs one.
            queries = tf.pad(queries, [[0, 1], [0, 0]])
            places, distances = tf.map_fn(lambda query: self._nearest(query, k), queries, fn_output_signature=specs)
            places, distances = places[:-1], distances[:-1]
            ids, labels = tf.gather(self.ids, places), tf.gather(self.labels, places)
            return {"ids": ids, "labels": labels, "distances": distances}

    def _nearest(self, query: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        places = tf.math.top_k(tf.linalg.matvec(self.embeddings, 2.0 * query) - self.squared_norms, k).indices
        # From differences, so that equal embeddings are at distance 0.
        distances = tf.norm(tf.gather(self.embeddings, places) - query, axis=1)
        order = tf.argsort(distances, stable=True)
        return tf.gather(places, order), tf.gather(distances, order)


def answers(found: dict[str, tf.Tensor], threshold: Threshold | None) -> dict[str, tf.Tensor]:
    """What the nearest images of each query say.

    Args:
      found: ``labels`` and ``distances`` [batch, k], nearest first.
      threshold: None if it is not known.

    Returns:
      ``voted_labels`` [batch] string and ``vote_shares`` [batch] float32; see ``vote``. With a threshold ``verdicts``
      [batch, k] string, too: ``same``, ``unsure`` or ``different`` class.
    """
    specs = tf.TensorSpec([], tf.string), tf.TensorSpec([], tf.float32)
    with tf.device("CPU:0"):
        labels = tf.pad(found["labels"], [[0, 1], [0, 0]], constant_values="")  # map_fn needs one.
        names, shares = tf.map_fn(vote_in_graph, labels, fn_output_signature=specs)
        said = {"voted_labels": names[:-1], "vote_shares": shares[:-1]}
        if threshold is not None:
            distances = found["distances"]
            far = tf.where(distances > threshold.high, DIFFERENT, UNSURE)
            said["verdicts"] = tf.where(distances < threshold.low, SAME, far)
        return said
