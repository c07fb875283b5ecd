"""Smooth-AP."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import mean_over
from ccp.losses.soft_ranks import soft_counts_above
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class SmoothAPLoss(PairLoss):
    """Smooth-AP: 1 less the average precision, whose ranks are sums of sigmoids.

    An anchor's average precision is the mean over its positives p of (1 + positives above p) / (1 + references above
    p), where a reference r counts as σ((s_r − s_p) / temperature) above p. Mean over the anchors with positives.

    Source: Brown et al., "Smooth-AP: Smoothing the Path Towards Large-Scale Image Retrieval", ECCV 2020.

    Departs: an anchor is not among its own references, where the authors' code counts it as its nearest positive.
    Classes may differ in size. Vectors inside the unit ball are not stretched to length 1.
    """

    temperature: float = setting(0.01, "temperature of the sigmoids that count references above (τ)", above=0)
    name: str = "smooth_ap"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Mean over anchors of 1 − AP, from [anchors, references] similarities."""
        positives_above, negatives_above = tf.unstack(soft_counts_above(scores, pairs, self.temperature))
        # 1 − (1 + p) / (1 + p + n), without the difference of two numbers that are nearly equal.
        lost = tf.where(pairs.positives, negatives_above / (1.0 + positives_above + negatives_above), 0.0)
        num_positives = tf.math.count_nonzero(pairs.positives, axis=1, dtype=tf.float32)
        has_positives = num_positives > 0
        by_anchor = tf.reduce_sum(lost, axis=1) / tf.where(has_positives, num_positives, 1.0)
        return mean_over(by_anchor, has_positives)
