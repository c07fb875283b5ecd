"""Circle loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_sum_exp, mean_over
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class CircleLoss(PairLoss):
    """Circle loss: each similarity is weighted by its distance from its optimum.

    Mean over the anchors with positives of log(1 + Σn exp(scale · αn (sn − margin)) ·
    Σp exp(−scale · αp (sp − 1 + margin))), with the weights αn = (sn + margin)+ and αp = (1 + margin − sp)+, through
    which no gradient flows. Against class proxies it is the paper's loss with class-level labels.

    Source: Sun et al., "Circle Loss: A Unified Perspective of Pair Similarity Optimization", CVPR 2020, equations 5
    and 6.

    Departs: vectors inside the unit ball are not stretched to length 1.
    """

    scale: float = setting(80.0, "scale of the exponents (γ)", above=0)
    margin: float = setting(
        0.4, "relaxation: positives are pulled to 1 − margin, negatives pushed to margin (m)", at_least=0, at_most=1
    )
    name: str = "circle"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Soft maxima over each anchor's [references] similarities."""
        constant = tf.stop_gradient(scores)
        pushed = self.scale * tf.nn.relu(constant + self.margin) * (scores - self.margin)
        pulled = -self.scale * tf.nn.relu(1.0 + self.margin - constant) * (scores - 1.0 + self.margin)
        # Of a kind that is missing the logarithm is very low, and the term 0.
        exponents = log_sum_exp(pushed, pairs.negatives) + log_sum_exp(pulled, pairs.positives)
        return mean_over(tf.nn.softplus(exponents), tf.reduce_any(pairs.positives, axis=1))
