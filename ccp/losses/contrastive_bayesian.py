"""Contrastive Bayesian loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.mining import MultiSimilarityMining
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import log_one_plus_sum_exp
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ContrastiveBayesianLoss(PairLoss):
    """Contrastive Bayesian (CBML): soft maxima over hard pairs, and a variance constraint on the negatives.

    Σ over anchors of f(Σp exp((positive_center − s)/positive_width)) + f(Σn exp((s − negative_center)/negative_width))
    + variance_weight · Σ over all negatives of (s − μ)², over the number of anchors, where f(x) is log(1 + x), √(1 + x)
    or 1 + x/4 (``form``), and p and n are the pairs that the multi-similarity loss mines, with ``margin`` as its ε.
    μ = (1 − extreme_share) · the mean similarity to all references + extreme_share · the middle between the farthest
    positive and the nearest negative. Anchors of which mining leaves no pairs have no term.

    Source: Kan et al., "Contrastive Bayesian Analysis for Deep Metric Learning", TPAMI 2023.

    At hand: the authors' code, whose loss and defaults (for CUB) these are, and from which values are recorded; not the
    paper.

    Departs: an example is excluded from its positives by index, where the authors leave out similarities above
    1 − 1e-5. In a batch against itself μ includes an example's similarity to itself, as theirs does.
    """

    positive_center: float = setting(0.5, "similarity from which positives are measured (a₊)", at_least=-1, at_most=1)
    positive_width: float = setting(0.5, "width of the positives' exponential (b₊)", above=0)
    negative_center: float = setting(1.0, "similarity from which negatives are measured (a₋)", at_least=-1, at_most=1)
    negative_width: float = setting(0.01, "width of the negatives' exponential (b₋)", above=0)
    margin: float = setting(0.1, "similarity within which pairs are mined (ε)", at_least=0, at_most=2)
    variance_weight: float = setting(1.0, "weight of the variance of the negatives", at_least=0)
    extreme_share: float = setting(0.0, "share of the hardest pairs in their mean", at_least=0, at_most=1)
    form: str = setting("log", "function of the sums of exponentials", choices=("log", "sqrt", "constant"))
    name: str = "contrastive_bayesian"

    compare = staticmethod(distances.normalized_similarity)

    def __post_init__(self):
        super().__post_init__()
        self.hard = MultiSimilarityMining(self.margin)

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Terms of each anchor's [references] similarities."""
        mined = self.hard.choose(tf.stop_gradient(1.0 - scores), pairs, 0, euclidean=False)
        pulls = log_one_plus_sum_exp((self.positive_center - scores) / self.positive_width, mined.positives, axis=1)
        pushes = log_one_plus_sum_exp((scores - self.negative_center) / self.negative_width, mined.negatives, axis=1)
        farthest = tf.reduce_min(tf.where(pairs.positives, scores, 1.0), axis=1)
        nearest = tf.reduce_max(tf.where(pairs.negatives, scores, -1.0), axis=1)
        middle = (farthest + nearest) / 2.0
        mean = (1.0 - self.extreme_share) * tf.reduce_mean(scores, axis=1) + self.extreme_share * middle
        from_mean = tf.where(pairs.negatives, tf.square(scores - mean[:, tf.newaxis]), 0.0)
        terms = self._formed(pulls) + self._formed(pushes) + self.variance_weight * tf.reduce_sum(from_mean, axis=1)
        counted = tf.logical_and(tf.reduce_any(mined.positives, axis=1), tf.reduce_any(mined.negatives, axis=1))
        return tf.reduce_mean(tf.where(counted, terms, 0.0))

    def _formed(self, log_sums: tf.Tensor) -> tf.Tensor:
        """The function f of sums x, given log(1 + x)."""
        if self.form == "sqrt":
            return tf.exp(log_sums / 2.0)
        return log_sums if self.form == "log" else 0.75 + tf.exp(log_sums) / 4.0
