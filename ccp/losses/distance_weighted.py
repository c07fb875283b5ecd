"""Distance-weighted sampling of negatives."""

from __future__ import annotations

import tensorflow as tf

# Distance of two unit vectors at right angles. Beyond it the weights rise again, up to infinity at 2.
FARTHEST_WEIGHTED = 2.0**0.5


def log_inverse_density(distances: tf.Tensor, embedding_size: tf.Tensor | int, nearest: float) -> tf.Tensor:
    """Log of 1/q(d), up to a constant, q being the density of distances between random points of the unit sphere.

    log q(d) = (D − 2) log d + (D − 3)/2 · log(1 − d²/4) (Wu et al., ICCV 2017, equation 3). The logarithm is a
    moderate number in any dimension; q itself would overflow.

    Departs from the paper in that distances are clipped to √2 from above too, so that no weight is infinite and weights
    never increase with the distance.

    Args:
      distances: [anchors, references], 0 to 2.
      embedding_size: D.
      nearest: distances below it count as this one, above 0 and below √2.

    Returns:
      [anchors, references] float32.
    """
    size = tf.cast(embedding_size, tf.float32)
    clipped = tf.clip_by_value(distances, nearest, FARTHEST_WEIGHTED)
    return (2.0 - size) * tf.math.log(clipped) + (3.0 - size) / 2.0 * tf.math.log1p(-tf.square(clipped) / 4.0)


def draw_by_weight(log_weights: tf.Tensor, candidates: tf.Tensor, num_draws: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Draws columns of each row, with replacement, with probabilities in proportion to their weights.

    Args:
      log_weights: [rows, columns] float32; NaN draws nothing.
      candidates: [rows, columns] bool, which columns can be drawn.
      num_draws: per row.
      seed: [2] integers; the draws are a function of it.

    Returns:
      [rows, num_draws] int64. Rows without candidates hold any column.
    """
    # The smallest finite number and not −∞: a row of nothing else would be drawn from beyond its last column.
    usable = tf.logical_and(candidates, tf.math.is_finite(log_weights))
    logits = tf.where(usable, log_weights, log_weights.dtype.min)
    return tf.random.stateless_categorical(logits, num_draws, seed)
