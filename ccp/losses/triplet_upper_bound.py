"""An upper bound of the triplet loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import mean_over
from ccp.pairs import Pairs


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class TripletUpperBoundLoss(PairLoss):
    """An upper bound of the triplet loss: distances to the own and to the other classes' centres.

    Mean over anchors of d(a, own centre) − 1/3 · the mean over the other classes' centres of d(a, centre), d Euclidean:
    linear in the number of examples, where the triplet loss is cubic.

    By the triangle inequality, Σ over triplets of d(a, p) − d(a, n) is at most this, times a constant, for classes of
    equal size; the bound is tight if classes are small and the centres equally far from each other.

    The references are the centres. Several of a class count by the mean distance to them. Anchors without a centre of
    their class, or without one of another, have no term.

    Source: Do et al., "A Theoretically Sound Upper Bound on the Triplet Loss for Improving the Efficiency of Deep
    Distance Metric Learning", CVPR 2019.

    At hand: the abstract, and a summary with the formulas.

    Departs: the paper's centres are fixed, at the axes or at means found by k-means before training. Here they are
    proxies, which are trained; they start in random directions.
    """

    name: str = "triplet_upper_bound"

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Mean distances of each anchor's [references] distances."""
        pulls, pushes = (_row_means(scores, mask) for mask in pairs)
        has_both = tf.logical_and(*(tf.reduce_any(mask, axis=1) for mask in pairs))
        return mean_over(pulls - pushes / 3.0, has_both)


def _row_means(values: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    counts = tf.math.count_nonzero(mask, axis=1, dtype=tf.float32)
    return tf.reduce_sum(tf.where(mask, values, 0.0), axis=1) / tf.maximum(counts, 1.0)
