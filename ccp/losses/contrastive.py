"""Contrastive loss over Euclidean distances (C2)."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.mining import PairMining
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import MEAN_OF_ACTIVE, check_margins, check_reduction, reduce_hinges
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ContrastiveLoss(PairLoss):
    """C2: pulls positives below one distance and pushes negatives beyond another.

    Mean over active positives of (d − pos_margin), plus mean over active negatives of (neg_margin − d),
    where d is Euclidean and "active" means above 0.

    Source: Hadsell, Chopra and LeCun, "Dimensionality Reduction by Learning an Invariant Mapping", CVPR 2006; in this
    form Wu et al., "Sampling Matters in Deep Embedding Learning", ICCV 2017.

    Departs: terms are means over active pairs, as in the original CCP code; those of Hadsell et al. are squared.

    Args:
      pair_reduction: ``mean_of_active``, or ``mean``: both sums over the size of the pair matrix.
    """

    pos_margin: float = setting(0.0, "distance below which a positive pair costs nothing (m₊)", at_least=0, at_most=2)
    neg_margin: float = setting(
        0.3841, "distance beyond which a negative pair costs nothing (m₋)", at_least=0, at_most=2
    )
    pair_reduction: str = MEAN_OF_ACTIVE
    mining: PairMining | None = None
    name: str = "contrastive"

    def __post_init__(self):
        super().__post_init__()
        check_reduction(self.pair_reduction)
        check_margins(self.pos_margin, self.neg_margin)

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Both hinges over [anchors, references] distances, each reduced by itself."""
        pulls = tf.nn.relu(tf.where(pairs.positives, scores - self.pos_margin, 0.0))
        pushes = tf.nn.relu(tf.where(pairs.negatives, self.neg_margin - scores, 0.0))
        return reduce_hinges(pulls, self.pair_reduction) + reduce_hinges(pushes, self.pair_reduction)
