"""From a matrix of terms to a number."""

from __future__ import annotations

import tensorflow as tf

from ccp.errors import ConfigError

MEAN_OF_ACTIVE = "mean_of_active"
MEAN = "mean"


def check_margins(pos_margin: float, neg_margin: float) -> None:
    """Raises a ConfigError if a pair at one distance would cost nothing as a positive and as a negative."""
    if pos_margin > neg_margin:
        raise ConfigError(
            f"pos_margin is at most neg_margin: positives are to be nearer than negatives; got {pos_margin:g} and "
            f"{neg_margin:g}. Exchange them?"
        )


def check_reduction(reduction: str) -> None:
    """Raises a ValueError that names the reductions if ``reduction`` is none of them."""
    if reduction not in (MEAN_OF_ACTIVE, MEAN):
        raise ValueError(f"Unknown pair reduction {reduction!r}; choose {MEAN_OF_ACTIVE} or {MEAN}.")


def reduce_hinges(hinges: tf.Tensor, reduction: str) -> tf.Tensor:
    """Reduces terms of which only those above 0 count.

    Args:
      hinges: [anchors, references], at least 0; masked pairs hold 0.
      reduction: ``mean_of_active`` divides the sum by the number of terms above 0 (0 if there are none);
        ``mean`` by the number of entries of the matrix.

    Returns:
      A float32 scalar.
    """
    total = tf.reduce_sum(hinges)
    if reduction == MEAN:
        return tf.math.divide_no_nan(total, tf.cast(tf.size(hinges), tf.float32))
    # Their signs are counted by rows in float32, which is exact up to 2**24 references, and then in float64: one
    # float32 sum would stop there. A NaN stays a NaN, where "above 0" would leave it out of the count.
    by_anchor = tf.reduce_sum(tf.stop_gradient(tf.sign(hinges)), axis=1)
    active = tf.reduce_sum(tf.cast(by_anchor, tf.float64))
    return tf.math.divide_no_nan(total, tf.cast(active, tf.float32))


def mean_over(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """The mean over the masked entries of a vector, 0 if there are none: a float32 scalar."""
    total = tf.reduce_sum(tf.where(mask, values, 0.0))
    return tf.math.divide_no_nan(total, tf.math.count_nonzero(mask, dtype=tf.float32))


def log_sum_exp(logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Log Σ exp over the masked entries of each row: [anchors]; a very low, finite number for a row without any."""
    return tf.reduce_logsumexp(tf.where(mask, logits, logits.dtype.min), axis=1)


def log_one_plus_sum_exp(exponents: tf.Tensor, mask: tf.Tensor, axis: int) -> tf.Tensor:
    """log(1 + Σ exp(x)) over the masked entries, without overflow and with finite gradients.

    Args:
      exponents: [anchors, references].
      mask: [anchors, references] bool, the entries that are summed.
      axis: the axis that is summed over.

    Returns:
      One value per remaining row or column, at least 0; exactly 0 where the mask holds nothing.
    """

    # The gradient is written by hand: one product with values that exist already. The tape would go back through
    # every [anchors, references] matrix in between.
    @tf.custom_gradient
    def reduced(exponents):
        masked = tf.where(mask, exponents, exponents.dtype.min)
        # Entries that are masked out, and the lone 1, are exp(-largest) at most: the largest exponent is at least 0.
        largest = tf.maximum(tf.reduce_max(masked, axis=axis, keepdims=True), 0.0)
        summands = tf.exp(masked - largest)
        total = tf.exp(-largest) + tf.reduce_sum(summands, axis=axis, keepdims=True)

        def gradient(upstream):
            return summands * (tf.expand_dims(upstream, axis) / total)

        return tf.squeeze(largest + tf.math.log(total), axis), gradient

    return reduced(exponents)
