"""Normalisation, distances and similarities between rows of two matrices.

Everything here computes in float32 whatever comes in, so that a network under ``mixed_float16`` or
``mixed_bfloat16`` gets losses and gradients of full range.
"""

from __future__ import annotations

import tensorflow as tf


def lipschitz_normalize(vectors: tf.Tensor) -> tf.Tensor:
    """Divides each vector by max(1, its norm): a 2-Lipschitz map into the unit ball.

    Unlike plain unit normalisation it leaves vectors inside the ball as they are, so it has a bounded
    gradient everywhere, the zero vector included (CCP, arXiv 2209.09060, section on the embedding).

    Args:
      vectors: [..., embedding_size], any floating dtype.

    Returns:
      [..., embedding_size] float32, norms at most 1.
    """
    vectors = tf.cast(vectors, tf.float32)
    squared_norms = tf.reduce_sum(tf.square(vectors), axis=-1, keepdims=True)
    # The maximum is taken under the root: its gradient is exactly 0 inside the ball, and the root never sees 0.
    return vectors * tf.math.rsqrt(tf.maximum(squared_norms, 1.0))


def pairwise_squared_euclidean(anchors: tf.Tensor, references: tf.Tensor | None = None) -> tf.Tensor:
    """Squared Euclidean distances, ‖a‖² + ‖r‖² − 2 a·r, clipped at 0.

    Args:
      anchors: [anchors, embedding_size].
      references: [references, embedding_size]; None compares the anchors with themselves, and the
        diagonal is then exactly 0 with gradient 0.

    Returns:
      [anchors, references] float32, units of squared embedding length.
    """
    anchors = tf.cast(anchors, tf.float32)
    to_themselves = references is None
    references = anchors if to_themselves else tf.cast(references, tf.float32)
    squared = tf.maximum(
        tf.reduce_sum(tf.square(anchors), axis=1)[:, tf.newaxis]
        + tf.reduce_sum(tf.square(references), axis=1)[tf.newaxis, :]
        - 2.0 * tf.matmul(anchors, references, transpose_b=True),
        0.0,
    )
    return _zero_diagonal(squared) if to_themselves else squared


def pairwise_euclidean(anchors: tf.Tensor, references: tf.Tensor | None = None) -> tf.Tensor:
    """Euclidean distances; the gradient of a distance of 0 is 0.

    Args:
      anchors: [anchors, embedding_size].
      references: [references, embedding_size]; None compares the anchors with themselves, and the
        diagonal is then exactly 0.

    Returns:
      [anchors, references] float32.
    """
    anchors = tf.cast(anchors, tf.float32)
    if references is None:
        return _euclidean(anchors, anchors, to_themselves=True)
    return _euclidean(anchors, tf.cast(references, tf.float32), to_themselves=False)


def cosine_similarity(anchors: tf.Tensor, references: tf.Tensor | None = None) -> tf.Tensor:
    """Inner products of vectors that are already normalised (``lipschitz_normalize``).

    Equals the cosine of the angle where both norms are 1; inside the unit ball it is smaller, as in the
    original code.

    Args:
      anchors: [anchors, embedding_size].
      references: [references, embedding_size]; None compares the anchors with themselves.

    Returns:
      [anchors, references] float32.
    """
    anchors = tf.cast(anchors, tf.float32)
    references = anchors if references is None else tf.cast(references, tf.float32)
    return tf.matmul(anchors, references, transpose_b=True)


def _zero_diagonal(matrix: tf.Tensor) -> tf.Tensor:
    return tf.linalg.set_diag(matrix, tf.zeros(tf.shape(matrix)[:1]))


def _euclidean(anchors: tf.Tensor, references: tf.Tensor, to_themselves: bool) -> tf.Tensor:
    # The gradient is written by hand: it needs the distances alone, where the tape would keep every
    # [anchors, references] matrix in between, and it is 0 at 0 without a second masked copy.
    @tf.custom_gradient
    def distances_between(anchors, references):
        squared = pairwise_squared_euclidean(anchors, references)
        distances = tf.sqrt(_zero_diagonal(squared) if to_themselves else squared)

        def gradient(upstream):
            pull = tf.math.divide_no_nan(upstream, distances)
            to_anchors = anchors * tf.reduce_sum(pull, axis=1, keepdims=True) - tf.matmul(pull, references)
            to_references = references * tf.reduce_sum(pull, axis=0)[:, tf.newaxis] - tf.matmul(
                pull, anchors, transpose_a=True
            )
            return to_anchors, to_references

        return distances, gradient

    return distances_between(anchors, references)
