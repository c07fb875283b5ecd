"""Normalisation, distances and similarities between rows of two matrices.

Everything here computes in float32, whatever the type of its arguments, so that a network under ``mixed_float16`` or
``mixed_bfloat16`` gets losses and gradients of full range.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

# Of a squared norm: squared distances below that may be nothing but the rounding of a product, even in TF32.
ROUNDING = 2.0**-9


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
    """Squared Euclidean distances, ‖a‖² + ‖r‖² − 2 a·r, clipped at 0; vectors that are equal are at exactly 0.

    Args:
      anchors: [anchors, embedding_size].
      references: [references, embedding_size]; None compares the anchors with themselves, and the
        diagonal is then 0 with gradient 0.

    Returns:
      [anchors, references] float32, units of squared embedding length.
    """
    return _squared_distances(_terms(anchors, references))


def pairwise_euclidean(anchors: tf.Tensor, references: tf.Tensor | None = None) -> tf.Tensor:
    """Euclidean distances, exactly 0 between equal vectors; the gradient of a distance of 0 is 0.

    Args:
      anchors: [anchors, embedding_size].
      references: [references, embedding_size]; None compares the anchors with themselves.

    Returns:
      [anchors, references] float32.
    """
    return _distances(_terms(anchors, references))


def cosine_similarity(anchors: tf.Tensor, references: tf.Tensor | None = None) -> tf.Tensor:
    """Inner products of vectors that are already normalised (``lipschitz_normalize``).

    The cosine of the angle where both norms are 1; smaller inside the unit ball, as in the original code.

    Args:
      anchors: [anchors, embedding_size].
      references: [references, embedding_size]; None compares the anchors with themselves.

    Returns:
      [anchors, references] float32.
    """
    anchors = tf.cast(anchors, tf.float32)
    return tf.matmul(anchors, anchors if references is None else tf.cast(references, tf.float32), transpose_b=True)


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
    anchors = _float32(anchors)
    normalized = lipschitz_normalize(anchors)
    if references is None:
        return _distances(_terms(normalized, None)._replace(anchors=anchors))
    references = _float32(references)
    cross_terms, reference_norms = _products_with_normalized(-2.0 * normalized, references)
    return _distances(_Terms(cross_terms, _squared_norms(normalized), reference_norms, anchors, references))


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


def square_root(squares: tf.Tensor) -> tf.Tensor:
    """Square roots, of the same shape: 0 with gradient 0 where a square is 0, or below by rounding. A NaN stays one."""
    # Masked before the root, whose gradient at 0 would be infinite, and infinite times 0 is NaN.
    zero = squares <= 0.0
    return tf.where(zero, 0.0, tf.sqrt(tf.where(zero, 1.0, squares)))


def row_hashes(vectors: tf.Tensor) -> tf.Tensor:
    """A number for each vector, the same for those that are equal bit for bit: [..., size] float32 to [...] int32."""
    factors = tf.random.stateless_uniform(tf.shape(vectors)[-1:], seed=(0, 0), minval=None, maxval=None, dtype=tf.int32)
    bits = tf.bitcast(vectors, tf.int32)
    # The upper bits go into the lower ones too: alone, signs that flip in two places would cancel.
    mixed = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, 16))
    return tf.reduce_sum(mixed * tf.bitwise.bitwise_or(factors, 1), axis=-1)


class _Terms(NamedTuple):
    """‖a‖² + ‖r‖² − 2 a·r in parts, and the vectors as they came, as normalising may round equal ones differently."""

    cross_terms: tf.Tensor  # −2 a·r, [anchors, references]
    anchor_norms: tf.Tensor  # Squared.
    reference_norms: tf.Tensor
    anchors: tf.Tensor
    references: tf.Tensor | None


def _float32(vectors: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.convert_to_tensor(vectors), tf.float32)  # The cast alone leaves a variable a variable.


def _terms(anchors: tf.Tensor, references: tf.Tensor | None) -> _Terms:
    anchors = _float32(anchors)
    references = None if references is None else _float32(references)
    others = anchors if references is None else references
    cross_terms = tf.matmul(-2.0 * anchors, others, transpose_b=True)
    return _Terms(cross_terms, _squared_norms(anchors), _squared_norms(others), anchors, references)


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


def _squared_distances(terms: _Terms) -> tf.Tensor:
    """[anchors, references]; exactly 0 where two vectors are equal bit for bit.

    Rounding leaves distances of some 1e-4 there, and would decide whether such a pair is active in a loss. The vectors
    are hashed only if there are pairs that may be equal; otherwise this costs a pass over the matrix.
    """
    squared = tf.maximum(terms.cross_terms + terms.anchor_norms[:, tf.newaxis] + terms.reference_norms, 0.0)
    near = squared < ROUNDING * terms.anchor_norms[:, tf.newaxis]
    if terms.references is None:
        squared, near = _with_diagonal(squared, 0.0), _with_diagonal(near, False)

    def zeroed() -> tf.Tensor:
        references = terms.anchors if terms.references is None else terms.references
        # Of many references few are near to any anchor; the others need no hash.
        columns = tf.where(tf.reduce_any(near, axis=0))
        hashes = tf.scatter_nd(
            columns, row_hashes(tf.gather_nd(references, columns)), tf.shape(references, tf.int64)[:1]
        )
        same = row_hashes(terms.anchors)[:, tf.newaxis] == hashes
        return tf.where(tf.logical_and(near, same), 0.0, squared)

    return tf.cond(tf.reduce_any(near), zeroed, lambda: squared)


def _distances(terms: _Terms) -> tf.Tensor:
    # The gradient is written by hand: it needs the distances alone, where the tape would keep every
    # [anchors, references] matrix in between, and it is 0 at 0 without a second masked copy.
    @tf.custom_gradient
    def root(cross_terms, anchor_norms, reference_norms):
        distances = tf.sqrt(_squared_distances(_Terms(cross_terms, anchor_norms, reference_norms, *terms[3:])))

        def gradient(upstream):
            pull = tf.math.divide_no_nan(0.5 * upstream, distances)
            return pull, tf.reduce_sum(pull, axis=1), tf.reduce_sum(pull, axis=0)

        return distances, gradient

    return root(*terms[:3])


def _with_diagonal(matrix: tf.Tensor, value: float | bool) -> tf.Tensor:
    return tf.linalg.set_diag(matrix, tf.fill(tf.shape(matrix)[:1], value))
