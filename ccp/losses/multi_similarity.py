"""Multi-similarity loss."""

from __future__ import annotations

import tensorflow as tf

from ccp import distances
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_one_plus_sum_exp
from ccp.losses.settings import MultiSimilaritySettings
from ccp.pairs import Pairs


@tf.keras.saving.register_keras_serializable(package="ccp")
class MultiSimilarityLoss(PairLoss):
    """MS (Wang et al., CVPR 2019, equation 15), without pair mining as in the original CCP code.

    Mean over anchors of log(1 + Σp exp(−alpha (s − base)))/alpha + log(1 + Σn exp(beta (s − base)))/beta.

    Args:
      alpha: sharpness on positives, above 0.
      beta: sharpness on negatives, above 0.
      base: the similarity both sides are measured from.
    """

    compare = staticmethod(distances.normalized_similarity)

    def __init__(
        self,
        alpha: float = MultiSimilaritySettings.alpha,
        beta: float = MultiSimilaritySettings.beta,
        base: float = MultiSimilaritySettings.base,
        name: str = "multi_similarity",
        **kwargs,
    ):
        super().__init__(name=name, **kwargs)
        if alpha <= 0 or beta <= 0:
            raise ValueError(f"alpha and beta must be above 0; got alpha={alpha}, beta={beta}.")
        self.alpha, self.beta, self.base = float(alpha), float(beta), float(base)

    def from_pairs(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Soft maxima over each anchor's [references] similarities."""
        shifted = scores - self.base
        pulls = log_one_plus_sum_exp(-self.alpha * shifted, pairs.positives, axis=1) / self.alpha
        pushes = log_one_plus_sum_exp(self.beta * shifted, pairs.negatives, axis=1) / self.beta
        return tf.reduce_mean(pulls + pushes)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {**super().get_config(), "alpha": self.alpha, "beta": self.beta, "base": self.base}
