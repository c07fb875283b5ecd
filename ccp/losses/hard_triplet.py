"""Triplet loss with the hardest pairs."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.within_batch import WithinBatchLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class HardTripletLoss(WithinBatchLoss):
    """Triplet loss with the hardest positive and the hardest negative of each anchor.

    Mean over anchors of (d(a, p) − d(a, n) + margin)+, d Euclidean, p the farthest positive and n the nearest negative,
    as in TensorFlow Addons. An anchor without a positive is its own positive, at distance 0.

    Source: Hermans, Beyer and Leibe, "In Defense of the Triplet Loss for Person Re-Identification", arXiv 1703.07737,
    2017, equation 5.

    Departs: embeddings are normalised.
    """

    margin: float = setting(
        0.2, "distance by which a positive has to be nearer than a negative (m)", at_least=0, at_most=2
    )
    name: str = "hard_triplet"

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """One triplet of each anchor's [batch] distances."""
        return hard_triplets(scores, pairs, self.margin)


def hard_triplets(scores: tf.Tensor, pairs: Pairs, margin: float) -> tf.Tensor:
    """Mean over anchors of (largest positive − smallest negative + margin)+ of [batch, batch] distances."""
    farthest = tf.reduce_max(tf.where(pairs.positives, scores, 0.0), axis=1)
    nearest = tf.reduce_min(tf.where(pairs.negatives, scores, float("inf")), axis=1)
    return tf.reduce_mean(tf.nn.relu(farthest - nearest + margin))
