"""Normalisation, distances and similarities between rows of two matrices.

Everything here computes in float32, whatever the type of its arguments, so that a network under ``mixed_float16`` or
``mixed_bfloat16`` gets losses and gradients of full range.
"""

from __future__ import annotations

import tensorflow as tf


def lipschitz_normalize(vectors: tf.Tensor) -> tf.Tensor:
    """Divides each vector by max(1, its norm): a 2-Lipschitz map into the unit ball.

    Unlike unit normalisation it leaves vectors inside the ball unchanged, and so has a bounded gradient everywhere, at
    the zero vector too (CCP, arXiv 2209.09060, section on the embedding).

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
    anchors, references, to_themselves = _converted(anchors, references)
    cross_terms = tf.matmul(-2.0 * anchors, references, transpose_b=True)
    squared = _squared_distances(cross_terms, _squared_norms(anchors), _squared_norms(references))
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
    anchors, references, to_themselves = _converted(anchors, references)
    cross_terms = tf.matmul(-2.0 * anchors, references, transpose_b=True)
    return _distances(cross_terms, _squared_norms(anchors), _squared_norms(references), to_themselves)


def cosine_similarity(anchors: tf.Tensor, references: tf.Tensor | None = None) -> tf.Tensor:
    """Inner products of vectors that are already normalised (``lipschitz_normalize``).

    The cosine of the angle where both norms are 1; smaller inside the unit ball, as in the original code.

    Args:
      anchors: [anchors, embedding_size].
      references: [references, embedding_size]; None compares the anchors with themselves.

    Returns:
      [anchors, references] float32.
    """
    anchors, references, _ = _converted(anchors, references)
    return tf.matmul(anchors, references, transpose_b=True)


def normalized_euclidean(anchors: tf.Tensor, references: tf.Tensor | None = None) -> tf.Tensor:
    """``pairwise_euclidean`` of ``lipschitz_normalize``d vectors, without a normalised copy of the references.

    References can be tens of thousands of proxies: instead the columns of the product are divided by their norms, which
    is less work than a pass over the references in either direction.

    Args:
      anchors: [anchors, embedding_size], the network's outputs.
      references: [references, embedding_size], not normalised; None compares the anchors with themselves.

    Returns:
      [anchors, references] float32, 0 to 2.
    """
    anchors = lipschitz_normalize(anchors)
    if references is None:
        return pairwise_euclidean(anchors)
    cross_terms, squared_norms = _products_with_normalized(-2.0 * anchors, tf.cast(references, tf.float32))
    return _distances(cross_terms, _squared_norms(anchors), squared_norms, to_themselves=False)


def normalized_similarity(anchors: tf.Tensor, references: tf.Tensor | None = None) -> tf.Tensor:
    """``cosine_similarity`` of ``lipschitz_normalize``d vectors, without a normalised copy of the references.

    Args:
      anchors: [anchors, embedding_size], the network's outputs.
      references: [references, embedding_size], not normalised; None compares the anchors with themselves.

    Returns:
      [anchors, references] float32, −1 to 1.
    """
    anchors = lipschitz_normalize(anchors)
    if references is None:
        return cosine_similarity(anchors)
    products, _ = _products_with_normalized(anchors, tf.cast(references, tf.float32))
    return products


def _converted(anchors: tf.Tensor, references: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor, bool]:
    anchors = tf.cast(anchors, tf.float32)
    return (anchors, anchors, True) if references is None else (anchors, tf.cast(references, tf.float32), False)


def _products_with_normalized(anchors: tf.Tensor, references: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Inner products with the normalised references, and the squared norms of these."""
    squared_norms = _squared_norms(references)
    scales = tf.math.rsqrt(tf.maximum(squared_norms, 1.0))
    return tf.matmul(anchors, references, transpose_b=True) * scales, squared_norms * tf.square(scales)


@tf.custom_gradient
def _squared_norms(vectors: tf.Tensor):
    # Written by hand, the gradient is one pass over the vectors, which may be all proxies; the tape would make two.
    def gradient(upstream):
        return vectors * (2.0 * upstream)[:, tf.newaxis]

    return tf.reduce_sum(tf.square(vectors), axis=1), gradient


def _squared_distances(cross_terms: tf.Tensor, anchor_norms: tf.Tensor, reference_norms: tf.Tensor) -> tf.Tensor:
    """‖a‖² + ‖r‖² − 2 a·r from its terms; cross_terms [anchors, references] are −2 a·r."""
    return tf.maximum(cross_terms + anchor_norms[:, tf.newaxis] + reference_norms, 0.0)


def _distances(
    cross_terms: tf.Tensor, anchor_norms: tf.Tensor, reference_norms: tf.Tensor, to_themselves: bool
) -> tf.Tensor:
    # The gradient is written by hand: it needs the distances alone, where the tape would keep every
    # [anchors, references] matrix in between, and it is 0 at 0 without a second masked copy.
    @tf.custom_gradient
    def root(cross_terms, anchor_norms, reference_norms):
        squared = _squared_distances(cross_terms, anchor_norms, reference_norms)
        distances = tf.sqrt(_zero_diagonal(squared) if to_themselves else squared)

        def gradient(upstream):
            pull = tf.math.divide_no_nan(0.5 * upstream, distances)
            return pull, tf.reduce_sum(pull, axis=1), tf.reduce_sum(pull, axis=0)

        return distances, gradient

    return root(cross_terms, anchor_norms, reference_norms)


def _zero_diagonal(matrix: tf.Tensor) -> tf.Tensor:
    return tf.linalg.set_diag(matrix, tf.zeros(tf.shape(matrix)[:1]))
