"""The images that a served model searches, and their search in the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from datasets.images.refusal import refuse_unless
from models.serving.blocks import MOST_IMAGES
from models.serving.versions import ExportError

SEARCH = "search"

# Neighbours in an answer, over all its queries: of 512 dimensions, they take 200 MB while they are compared.
MOST_NEIGHBOURS = 100_000


class Gallery(tf.Module):
    """Embeddings with names and labels, as variables: the constants of a graph are limited to 2 GB.

    Args:
      ids: [gallery] names.
      labels: [gallery] class names, empty where unknown.
      embeddings: [gallery, embedding_size] float32, normalised.

    Raises:
      ExportError: there are none, their numbers differ, or an embedding is not finite.
    """

    def __init__(self, ids: Sequence[str | bytes], labels: Sequence[str | bytes], embeddings: np.ndarray):
        super().__init__(name="gallery")
        if not len(ids) or not len(ids) == len(labels) == len(embeddings):
            raise ExportError(
                f"A gallery needs as many ids as labels and embeddings, at least one; got {len(ids)}, {len(labels)} "
                f"and {len(embeddings)}."
            )
        broken = np.flatnonzero(~np.isfinite(embeddings).all(axis=1))
        if len(broken):
            raise ExportError(
                f"{len(broken)} of {len(ids)} gallery embeddings are not finite, the first of {ids[broken[0]]!r}; the "
                "network has diverged. Export another run."
            )
        with tf.device("CPU:0"):
            self.embeddings = tf.Variable(np.asarray(embeddings, np.float32), trainable=False)
            self.squared_norms = tf.Variable(np.square(embeddings, dtype=np.float32).sum(axis=1), trainable=False)
            self.ids = tf.Variable(tf.constant(list(ids)), trainable=False)
            self.labels = tf.Variable(tf.constant(list(labels)), trainable=False)

    def search_signature(self, embed_encoded: Any) -> Any:
        """The function of signature ``search``.

        It takes image files ``encoded_images`` [batch] string and ``k`` [] int32, and gives ``ids``, ``labels`` and
        ``distances`` of the nearest images; see ``nearest``.

        Args:
          embed_encoded: the function of signature ``encoded``.
        """

        def search(encoded_images: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
            # Before any image is embedded.
            with tf.control_dependencies(self._checks(tf.size(encoded_images), k)):
                files = tf.identity(encoded_images)
            return self.nearest(embed_encoded(encoded_images=files)["embeddings"], k)

        inputs = tf.TensorSpec([None], tf.string, "encoded_images"), tf.TensorSpec([], tf.int32, "k")
        return tf.function(search, input_signature=inputs, autograph=False).get_concrete_function()

    def nearest(self, queries: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """The k nearest images of each query, nearest first.

        They are chosen by ‖g‖² − 2 q·g in float32, so the choice between images whose squared distances differ by less
        than about 1e-6 is arbitrary. ``evaluate.search`` is the exact search.

        Args:
          queries: [batch, embedding_size] float32, normalised.
          k: [] int32, at least 1; the whole gallery if it has fewer images.

        Returns:
          ``ids`` and ``labels``, string, and Euclidean ``distances``, float32, [batch, min(k, gallery)] each.
        """
        # On the processor: strings are nowhere else, and products of accelerators may be rounded more (TF32).
        with tf.device("CPU:0"):
            queries = tf.debugging.check_numerics(queries, "The network has diverged: an embedding is not finite")
            k = tf.minimum(k, tf.size(self.ids))
            batch = tf.shape(queries)[0]

            def block(start: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                part = queries[start : start + MOST_IMAGES]
                places, distances = self._nearest_in_block(part, k)
                padding = [[0, MOST_IMAGES - tf.shape(part)[0]], [0, 0]]
                return tf.pad(places, padding), tf.pad(distances, padding)

            starts = tf.range(0, tf.maximum(batch, 1), MOST_IMAGES)
            specs = tf.TensorSpec(None, tf.int32), tf.TensorSpec(None, tf.float32)
            found = tf.map_fn(block, starts, fn_output_signature=specs, parallel_iterations=1)
            places, distances = (tf.reshape(part, [-1, k])[:batch] for part in found)
            return {
                "ids": tf.gather(self.ids, places),
                "labels": tf.gather(self.labels, places),
                "distances": distances,
            }

    def _nearest_in_block(self, queries: tf.Tensor, k: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores = tf.matmul(2.0 * queries, self.embeddings, transpose_b=True) - self.squared_norms
        places = tf.math.top_k(scores, k).indices
        # From differences, so that equal embeddings are at distance 0.
        differences = tf.gather(self.embeddings, places) - queries[:, tf.newaxis]
        distances = tf.norm(differences, axis=2)
        order = tf.argsort(distances, axis=1, stable=True)
        return tf.gather(places, order, batch_dims=1), tf.gather(distances, order, batch_dims=1)

    def _checks(self, batch: tf.Tensor, k: tf.Tensor) -> list[tf.Operation]:
        checks = refuse_unless(k >= 1, ["The number of neighbours k must be at least 1; got", k])
        each = tf.minimum(k, tf.size(self.ids))
        number = tf.cast(batch, tf.int64) * tf.cast(each, tf.int64)
        message = [
            "The answer would hold ",
            tf.strings.as_string(each),
            " neighbours of each of ",
            tf.strings.as_string(batch),
            f" images; it may hold {MOST_NEIGHBOURS:,} in all. Ask for fewer (k), or send fewer images at a time.",
        ]
        return checks + refuse_unless(number <= MOST_NEIGHBOURS, [tf.strings.join(message)])
