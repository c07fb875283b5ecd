"""Normalised temperature-scaled cross-entropy (NT-Xent), a form of InfoNCE."""

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
class NTXentLoss(PairLoss):
    """NT-Xent (InfoNCE): each positive pair against the anchor's negatives, by cross-entropy.

    Mean over positive pairs of −log(exp(s/temperature) / (exp(s/temperature) + Σn exp(s_n/temperature))), n over the
    negatives of the anchor. Made for batches of two views of each image, where every anchor has one positive
    (``--labels=none``).

    Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML 2020, equation 1;
    van den Oord et al., "Representation Learning with Contrastive Predictive Coding", arXiv 1807.03748, equation 4.

    Departs: where an anchor has several positives, which the papers do not have, each is a term, without the others in
    its denominator. Vectors inside the unit ball are not stretched to length 1 (``lipschitz_normalize``).
    """

    temperature: float = setting(0.1, "temperature that similarities are divided by (τ)", above=0)
    mining: PairMining | None = None
    name: str = "nt_xent"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """One term for each positive pair of the [anchors, references] similarities."""
        logits = scores / self.temperature
        against = log_sum_exp(logits, pairs.negatives)[:, tf.newaxis]
        # −log(exp(x) / (exp(x) + exp(y))) = softplus(y − x), which does not overflow.
        return mean_over(tf.nn.softplus(against - logits), pairs.positives)
