"""Multi-similarity loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.mining import PairMining
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_one_plus_sum_exp
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class MultiSimilarityLoss(PairLoss):
    """MS: weighs each pair by its similarity relative to the anchor's other pairs.

    Mean over anchors of log(1 + Σp exp(−alpha (s − base)))/alpha + log(1 + Σn exp(beta (s − base)))/beta.

    Source: Wang et al., "Multi-Similarity Loss with General Pair Weighting for Deep Metric Learning", CVPR 2019,
    equation 15.

    Departs: without ``mining`` all pairs count, as in the original CCP code.
    """

    alpha: float = setting(2.0, "sharpness on positives (α)", above=0)
    beta: float = setting(40.0, "sharpness on negatives (β)", above=0)
    base: float = setting(0.5, "similarity from which positives and negatives are measured (λ)", at_least=-1, at_most=1)
    mining: PairMining | None = None
    name: str = "multi_similarity"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Soft maxima over each anchor's [references] similarities."""
        shifted = scores - self.base
        pulls = log_one_plus_sum_exp(-self.alpha * shifted, pairs.positives, axis=1) / self.alpha
        pushes = log_one_plus_sum_exp(self.beta * shifted, pairs.negatives, axis=1) / self.beta
        return tf.reduce_mean(pulls + pushes)
