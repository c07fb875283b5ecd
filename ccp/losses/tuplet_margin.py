"""Tuplet margin loss."""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from ccp import distances
from ccp.losses.angular_margin import sine_of
from ccp.losses.mining import PairMining
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_sum_exp, mean_over
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class TupletMarginLoss(PairLoss):
    """Tuplet margin: each positive against a soft maximum of the negatives, with a slack angle.

    Mean over positive pairs of log(1 + Σn exp(scale (cos θ_an − cos(θ_ap − margin)))): positives count as nearer by the
    margin, so that those that are hard by accident are not pulled in at all cost.

    Source: Yu and Tao, "Deep Metric Learning with Tuplet Margin Loss", ICCV 2019.

    At hand: summaries of the paper, and the loss in PyTorch Metric Learning, from which values are recorded.

    Departs: a tuplet has all negatives of its anchor, as in PyTorch Metric Learning, where the paper's has one of each
    other class of the batch. Vectors inside the unit ball are not stretched to length 1 (``lipschitz_normalize``): θ is
    the arc cosine of the similarity. The paper's second term, of the variance of distances, is left out.
    """

    scale: float = setting(64.0, "scale of the logits (s)", above=0)
    margin: float = setting(0.1, "slack angle by which positives count as nearer, radians (β)", at_least=0, at_most=1.5)
    mining: PairMining | None = None
    name: str = "tuplet_margin"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """From [anchors, references] similarities: each positive against all negatives of its anchor."""
        pushes = log_sum_exp(self.scale * scores, pairs.negatives)[:, tf.newaxis]
        nearer = scores * math.cos(self.margin) + sine_of(scores) * math.sin(self.margin)
        return mean_over(tf.nn.softplus(pushes - self.scale * nearer), pairs.positives)
