"""ProxyAnchor loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.mining import PairMining
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_one_plus_sum_exp, mean_over
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ProxyAnchorLoss(PairLoss):
    """ProxyAnchor: each proxy is an anchor that all embeddings of the batch are compared with.

    Σ log(1 + Σp exp(−scale (s − margin))) over the references, by how many of them have positives, plus
    Σ log(1 + Σn exp(scale (s + margin))) by how many have negatives. Meant for one proxy per class.

    Source: Kim et al., "Proxy Anchor Loss for Deep Metric Learning", CVPR 2020, equation 4.

    Departs: the paper divides the second sum by all proxies; the two differ only for a proxy whose class fills the
    whole batch.
    """

    margin: float = setting(0.1, "margin that is added to similarities on both sides (δ)", at_least=0, at_most=2)
    scale: float = setting(32.0, "sharpness of the soft maxima (α)", above=0)
    mining: PairMining | None = None
    name: str = "proxy_anchor"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Soft maxima over each reference's [anchors] similarities."""
        pulls = log_one_plus_sum_exp(-self.scale * (scores - self.margin), pairs.positives, axis=0)
        pushes = log_one_plus_sum_exp(self.scale * (scores + self.margin), pairs.negatives, axis=0)
        has_positive, has_negative = (tf.reduce_any(mask, axis=0) for mask in pairs)
        return mean_over(pulls, has_positive) + mean_over(pushes, has_negative)
