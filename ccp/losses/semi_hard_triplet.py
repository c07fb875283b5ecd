"""Triplet loss with semi-hard negatives."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.reductions import mean_over
from ccp.losses.within_batch import WithinBatchLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class SemiHardTripletLoss(WithinBatchLoss):
    """Triplet loss with semi-hard negatives, as in TensorFlow Addons.

    Mean over positive pairs of (d(a, p) − d(a, n) + margin)+, where n is the nearest negative beyond p, or the
    farthest one if none is beyond.

    Source: Schroff, Kalenichenko and Philbin, "FaceNet: A Unified Embedding for Face Recognition and Clustering",
    CVPR 2015.

    Departs: d is Euclidean and not squared.
    """

    margin: float = setting(
        0.2, "distance by which a positive has to be nearer than a negative (α)", at_least=0, at_most=2
    )
    name: str = "semi_hard_triplet"

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """All positive pairs of [batch, batch] distances, each with one negative."""
        infinity = tf.constant(float("inf"), tf.float32)
        # Negatives from near to far, then infinity: no anchor is its own negative, so that the last one always is.
        negatives = tf.sort(tf.where(pairs.negatives, scores, infinity), axis=1)
        next_beyond = tf.searchsorted(negatives, scores, side="right")
        beyond = tf.gather(negatives, tf.minimum(next_beyond, tf.shape(scores)[1] - 1), batch_dims=1)
        farthest = tf.reduce_max(tf.where(pairs.negatives, scores, 0.0), axis=1, keepdims=True)
        hinges = tf.nn.relu(scores - tf.where(beyond < infinity, beyond, farthest) + self.margin)
        return mean_over(hinges, pairs.positives)
