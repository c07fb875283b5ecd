"""ProxyNCA++ loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.mining import PairMining
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_sum_exp, mean_over
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ProxyNCALoss(PairLoss):
    """ProxyNCA++: −log of the softmax mass on the references of the own class.

    The mean is over anchors that have a reference of their own class; against class proxies that is all.

    Source: Teh, DeVries and Taylor, "ProxyNCA++: Revisiting and Revitalizing Proxy Neighborhood Component Analysis",
    ECCV 2020.

    Departs: the authors divide squared distances of unit vectors, 2 − 2 s, by T: the temperature here is half of
    theirs, 1/18 for their T = 1/9.
    """

    temperature: float = setting(0.1, "temperature that similarities are divided by", above=0)
    mining: PairMining | None = None
    name: str = "proxy_nca"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Softmax over each anchor's [references] similarities."""
        logits = scores / self.temperature
        everything = log_sum_exp(logits, tf.logical_or(pairs.positives, pairs.negatives))
        own_class = log_sum_exp(logits, pairs.positives)
        return mean_over(everything - own_class, tf.reduce_any(pairs.positives, axis=1))
