"""Supervised contrastive loss (SupCon)."""

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
class SupConLoss(PairLoss):
    """SupCon: −log of the softmax mass, over all references, on each positive; averaged over the anchor's positives.

    Mean over anchors of log Σa exp(s/temperature) − 1/|P| Σp s/temperature, a over positives and negatives, p over the
    positives P. Against one proxy per class it is ProxyNCA++; with one positive per anchor, NT-Xent.

    Source: Khosla et al., "Supervised Contrastive Learning", NeurIPS 2020, equation 2 (the sum outside the logarithm).

    Departs: a mean over anchors where the paper has a sum; anchors without a positive have no term. Vectors inside the
    unit ball are not stretched to length 1 (``lipschitz_normalize``). The authors' code also multiplies the loss by
    temperature/0.07.
    """

    temperature: float = setting(0.1, "temperature that similarities are divided by (τ)", above=0)
    mining: PairMining | None = None
    name: str = "supcon"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Softmax over each anchor's [references] similarities."""
        logits = scores / self.temperature
        everything = log_sum_exp(logits, tf.logical_or(pairs.positives, pairs.negatives))
        num_positives = tf.math.count_nonzero(pairs.positives, axis=1, dtype=tf.float32)
        own = tf.reduce_sum(tf.where(pairs.positives, logits, 0.0), axis=1)
        return mean_over(everything - tf.math.divide_no_nan(own, num_positives), num_positives > 0)
