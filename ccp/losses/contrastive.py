"""Contrastive losses: C2 over Euclidean distances, C1 over similarities."""

from __future__ import annotations

import tensorflow as tf

from ccp import distances
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import MEAN_OF_ACTIVE, check_reduction, reduce_hinges
from ccp.losses.settings import ContrastiveSettings, CosineContrastiveSettings
from ccp.pairs import Pairs

# Similarities of 1 are an example's copies of itself: C1 leaves them out, as its authors do.
_SELF_SIMILARITY_TOLERANCE = 1e-5


@tf.keras.saving.register_keras_serializable(package="ccp")
class ContrastiveLoss(PairLoss):
    """C2: pulls positives below one distance and pushes negatives beyond another.

    Mean over active positives of (d − pos_margin), plus mean over active negatives of (neg_margin − d),
    where d is Euclidean and "active" means above 0 (Hadsell et al., CVPR 2006; Wu et al., ICCV 2017).

    Args:
      pos_margin: distance below which a positive pair costs nothing; 0 … 2 on the unit ball.
      neg_margin: distance beyond which a negative pair costs nothing; 0 … 2.
      pair_reduction: ``mean_of_active``, or ``mean``: both sums over the size of the pair matrix.
    """

    def __init__(
        self,
        pos_margin: float = ContrastiveSettings.pos_margin,
        neg_margin: float = ContrastiveSettings.neg_margin,
        pair_reduction: str = MEAN_OF_ACTIVE,
        name: str = "contrastive",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        self.pos_margin = float(pos_margin)
        self.neg_margin = float(neg_margin)
        self.pair_reduction = check_reduction(pair_reduction)

    def from_pairs(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Both hinges over [anchors, references] distances, each reduced by itself."""
        pulls = tf.nn.relu(tf.where(pairs.positives, scores - self.pos_margin, 0.0))
        pushes = tf.nn.relu(tf.where(pairs.negatives, self.neg_margin - scores, 0.0))
        return reduce_hinges(pulls, self.pair_reduction) + reduce_hinges(pushes, self.pair_reduction)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        settings = {
            "pos_margin": self.pos_margin,
            "neg_margin": self.neg_margin,
            "pair_reduction": self.pair_reduction,
        }
        return {**super().get_config(), **settings}


@tf.keras.saving.register_keras_serializable(package="ccp")
class CosineContrastiveLoss(PairLoss):
    """C1: the contrastive loss over similarities that cross-batch memory uses (Wang et al., CVPR 2020).

    (Σ over positives with s < 1 − 1e-5 of (1 − s − 1e-5) + Σ over negatives with s > margin of (s − margin))
    over the number of anchors. In a cross-batch memory it meets an anchor's own copy, as recorded from the original,
    where similarities of 1 drop out by the tolerance; other losses leave own copies out by index.

    Args:
      margin: similarity below which a negative pair costs nothing.
    """

    compare = staticmethod(distances.normalized_similarity)
    leaves_out_own_copies = False

    def __init__(self, margin: float = CosineContrastiveSettings.margin, name: str = "cosine_contrastive", **kwargs):
        super().__init__(name=name, **kwargs)
        self.margin = float(margin)

    def from_pairs(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Both hinges over [anchors, references] similarities, summed per anchor."""
        pulls = tf.where(pairs.positives, tf.nn.relu(1.0 - _SELF_SIMILARITY_TOLERANCE - scores), 0.0)
        pushes = tf.where(pairs.negatives, tf.nn.relu(scores - self.margin), 0.0)
        return tf.reduce_mean(tf.reduce_sum(pulls + pushes, axis=1))

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {**super().get_config(), "margin": self.margin}
