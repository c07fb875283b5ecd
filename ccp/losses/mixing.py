"""Mixtures of embeddings."""

from __future__ import annotations

import tensorflow as tf

# Under the root: a mixture of norm below 1e-3 (of opposite vectors), or its gradient, is not stretched beyond 1000.
SMALLEST_SQUARED_NORM = 1e-6


def on_sphere(vectors: tf.Tensor) -> tf.Tensor:
    """Mixtures [..., embedding_size] at length 1: inside the unit ball they would score low in any direction."""
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=SMALLEST_SQUARED_NORM)


def draw_share(alpha: float, seed: tf.Tensor) -> tf.Tensor:
    """A share from Beta(alpha, alpha), [] float32; a function of the seed, [2] integers."""
    # In float64: at a small alpha both of a pair in float32 could be 0.
    gammas = tf.random.stateless_gamma([2], seed, alpha=tf.constant(alpha, tf.float64), dtype=tf.float64)
    return tf.cast(tf.math.divide_no_nan(gammas[0], tf.reduce_sum(gammas)), tf.float32)
