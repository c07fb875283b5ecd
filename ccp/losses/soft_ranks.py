"""Ranks as sums of sigmoids, which have a gradient."""

from __future__ import annotations

import tensorflow as tf

from ccp.pairs import Pairs


def soft_counts_above(scores: tf.Tensor, pairs: Pairs, temperature: float) -> tf.Tensor:
    """For each positive, how many of its anchor's other positives, and of its negatives, have a higher score.

    Reference r counts as σ((s_r − s_p) / temperature) above the positive p: 1 or 0 in the limit of temperature 0.

    Neither values nor gradient hold more than a few [anchors, references] matrices at a time, where the formula as it
    stands holds [anchors, positives, references]. The work is that of as many such matrices as the largest number of
    positives that an anchor has.

    Args:
      scores: [anchors, references] float32; the higher, the nearer.
      pairs: masks [anchors, references].
      temperature: of the sigmoid, in units of scores.

    Returns:
      [2, anchors, references]: the counts among positives, then among negatives; 0 where the pair is not positive.
    """
    order = tf.cumsum(tf.cast(pairs.positives, tf.int32), axis=1)
    most_positives = tf.reduce_max(order)
    is_kind = tf.stack([pairs.positives, pairs.negatives])

    def compared(scores, index):
        """The positives of that index, one of each anchor; who is compared with them; how far these are above."""
        own = tf.logical_and(pairs.positives, order == index + 1)
        others = tf.logical_and(is_kind, tf.logical_not(own))
        own_scores = tf.reduce_sum(tf.where(own, scores, 0.0), axis=1, keepdims=True)
        return own, others, tf.sigmoid((scores - own_scores) / temperature)

    def over_positives(step, start):
        return tf.while_loop(
            lambda index, _: index < most_positives,
            lambda index, total: (index + 1, step(index, total)),
            (0, start),
            parallel_iterations=1,
        )[1]

    @tf.custom_gradient
    def counted(scores):
        def count(index, counts):
            own, others, above = compared(scores, index)
            return tf.where(own, tf.reduce_sum(tf.where(others, above, 0.0), axis=2, keepdims=True), counts)

        def gradient(upstream):
            def add(index, total):
                own, others, above = compared(scores, index)
                # [2, anchors, 1]: the gradient to the counts of these positives.
                to_own = tf.reduce_sum(tf.where(own, upstream, 0.0), axis=2, keepdims=True)
                slopes = above * (1.0 - above) / temperature
                slopes *= tf.reduce_sum(tf.where(others, to_own, 0.0), axis=0)
                return total + slopes - tf.where(own, tf.reduce_sum(slopes, axis=1, keepdims=True), 0.0)

            return over_positives(add, tf.zeros_like(scores))

        return over_positives(count, tf.zeros_like(is_kind, scores.dtype)), gradient

    return counted(scores)
