"""Triplet loss over all triplets, without the cube of all triplets."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.mining import PairMining
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import MEAN, MEAN_OF_ACTIVE, check_reduction
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class TripletLoss(PairLoss):
    """Triplet loss over all triplets: positives have to be nearer than negatives by ``margin``.

    Mean over the triplets for which it is above 0 of d(a, p) − d(a, n) + margin, d Euclidean. Exact for any number of
    references in O(anchors · references · log positives) time and O(anchors · references) memory.

    Source: Schroff, Kalenichenko and Philbin, "FaceNet: A Unified Embedding for Face Recognition and Clustering",
    CVPR 2015; over all triplets Wu et al., "Sampling Matters in Deep Embedding Learning", ICCV 2017.

    Departs: Schroff et al. square d.

    Args:
      pair_reduction: ``mean_of_active``, or ``mean``: the sum over anchors × references × references.
    """

    margin: float = setting(
        0.0961, "distance by which a positive has to be nearer than a negative", at_least=0, at_most=2
    )
    pair_reduction: str = MEAN_OF_ACTIVE
    mining: PairMining | None = None
    name: str = "triplet"

    def __post_init__(self):
        super().__post_init__()
        check_reduction(self.pair_reduction)

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """All triplets of each anchor's [references] distances."""
        total, active = sum_of_triplets(scores, pairs, self.margin)
        if self.pair_reduction == MEAN:
            anchors, references = tf.unstack(tf.cast(tf.shape(scores), tf.float32))
            return tf.math.divide_no_nan(total, anchors * references * references)
        # Not divide_no_nan, which would turn a NaN total into 0.
        return total / tf.maximum(tf.stop_gradient(active), 1.0)


def sum_of_triplets(distances: tf.Tensor, pairs: Pairs, margin: float) -> tuple[tf.Tensor, tf.Tensor]:
    """The sum of d(a, p) − d(a, n) + margin over all triplets where it is above 0, and how many those are.

    An anchor's positives are few and its negatives many, so the *positives* are sorted: each negative n
    then finds by binary search how many thresholds d(a, p) + margin are above d(a, n). Those counts are
    the gradient on the negatives; counted the other way round they are the gradient on the positives;
    and the sum is Σp count·threshold − Σn count·distance.

    Args:
      distances: [anchors, references] float32.
      pairs: masks [anchors, references].
      margin: the triplet margin.

    Returns:
      Two float32 scalars; the gradient flows through the first alone.
    """

    @tf.custom_gradient
    def summed(distances):
        num_references = tf.shape(distances)[1]
        most_positives = tf.reduce_max(tf.reduce_sum(tf.cast(pairs.positives, tf.int32), axis=1))
        infinity = tf.constant(float("inf"), tf.float32)

        # [anchors, most_positives]: thresholds in ascending order, −∞ (above nothing) where an anchor has fewer.
        descending, columns = tf.math.top_k(tf.where(pairs.positives, distances, -infinity), k=most_positives)
        thresholds = tf.reverse(descending, axis=[1]) + margin
        columns = tf.reverse(columns, axis=[1])

        # How many thresholds are at or below each negative: those above it are the active triplets it is in.
        negatives = tf.where(pairs.negatives, distances, infinity)
        not_above = tf.searchsorted(thresholds, negatives, side="right")
        per_negative = tf.where(pairs.negatives, most_positives - not_above, 0)

        # A threshold is above the negatives that have at most its own index of thresholds at or below them.
        below = tf.where(pairs.negatives, not_above, most_positives)
        with tf.device("CPU:0"):  # On a GPU it is not deterministic, and refuses where that is asked for.
            histogram = tf.math.bincount(
                below, minlength=most_positives + 1, maxlength=most_positives + 1, axis=-1, dtype=tf.int32
            )
        per_threshold = tf.cumsum(histogram, axis=1)[:, :most_positives]

        # Two large sums of nearly equal size are subtracted: in float64, or their difference would be noise.
        finite_thresholds = tf.where(per_threshold > 0, thresholds, 0.0)
        total = _float64_sum(per_threshold, finite_thresholds) - _float64_sum(
            per_negative, tf.where(pairs.negatives, distances, 0.0)
        )
        active = tf.cast(tf.reduce_sum(tf.cast(per_threshold, tf.int64)), tf.float32)

        def gradient(upstream, _):
            rows = tf.broadcast_to(tf.range(tf.shape(distances)[0])[:, tf.newaxis], tf.shape(columns))
            per_positive = tf.scatter_nd(
                tf.stack([rows, columns], axis=-1), per_threshold, [tf.shape(distances)[0], num_references]
            )
            return upstream * tf.cast(per_positive - per_negative, tf.float32)

        return (tf.cast(total, tf.float32), active), gradient

    return summed(distances)


def _float64_sum(counts: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(counts, tf.float64) * tf.cast(values, tf.float64))
