"""Ranked list loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class RankedListLoss(PairLoss):
    """Ranked list (RLL): positives within one distance and negatives beyond another; hard ones weigh more.

    Mean over anchors of (1 − negative_share) · the weighted mean over positives beyond boundary − margin of
    (d − (boundary − margin)), plus negative_share · the weighted mean over negatives within the boundary of
    (boundary − d), d Euclidean. A positive weighs exp(positive_sharpness · its term), a negative
    exp(negative_sharpness · its term); no gradient goes through the weights.

    Source: Wang et al., "Ranked List Loss for Deep Metric Learning", CVPR 2019; its extension in TPAMI 2021
    weights positives too.

    At hand: the authors' code, and the loss in PyTorch Metric Learning, from which values are recorded.

    Departs: the authors' code scales the gradient of each anchor by its share in all weights; here every
    anchor counts alike, as in the paper.
    """

    margin: float = setting(0.4, "distance between the farthest positives and the nearest negatives (m)", at_least=0)
    boundary: float = setting(1.2, "distance beyond which a negative costs nothing (α)", above=0, at_most=2)
    negative_sharpness: float = setting(10.0, "how much more near negatives weigh (T_n)", at_least=0)
    positive_sharpness: float = setting(0.0, "how much more far positives weigh (T_p)", at_least=0)
    negative_share: float = setting(0.5, "share of the negatives in the loss (λ)", at_least=0, at_most=1)
    name: str = "ranked_list"

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Both weighted means of each anchor's [references] distances."""
        pulls = _weighted_mean(scores - (self.boundary - self.margin), pairs.positives, self.positive_sharpness)
        pushes = _weighted_mean(self.boundary - scores, pairs.negatives, self.negative_sharpness)
        return tf.reduce_mean((1.0 - self.negative_share) * pulls + self.negative_share * pushes)


def _weighted_mean(terms: tf.Tensor, mask: tf.Tensor, sharpness: float) -> tf.Tensor:
    """Means over each row's masked terms above 0, weighted by exp(sharpness · term): [anchors], 0 where there are none.

    A NaN stays one.
    """
    counted = tf.logical_and(mask, tf.logical_not(terms <= 0.0))
    weights = tf.nn.softmax(tf.where(counted, sharpness * terms, terms.dtype.min), axis=1)
    return tf.reduce_sum(tf.where(counted, tf.stop_gradient(weights) * terms, 0.0), axis=1)
