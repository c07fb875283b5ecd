"""The recall@k surrogate."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.pair_loss import PairLoss
from ccp.losses.reductions import mean_over
from ccp.losses.soft_ranks import soft_counts_above
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class RecallAtKLoss(PairLoss):
    """Recall@k surrogate: 1 less the recall among the k nearest, with sigmoids in place of both steps.

    A positive p has rank 1 + Σr σ((s_r − s_p) / temperature) over the other references, and is among the k nearest by
    σ((k − rank) / k_temperature). Recall@k is the sum of that over the anchor's positives, at most k, over min(k,
    number of positives). Mean over k = 1, 2, 4 … ``largest_k`` and over the anchors with positives.

    The paper trains it with batches of up to 4,000, whose gradient it takes in two passes (``gradient_chunks``).

    Source: Patel, Tolias and Matas, "Recall@k Surrogate Loss with Large Batches and Similarity Mixup", CVPR 2022, and
    the authors' code.

    Departs: an anchor is not among its own references, where the authors' code counts it into every rank. That code
    has ``k_temperature`` equal to k. The paper's mixup of similarities is not included. Vectors inside the unit ball
    are not stretched to length 1.
    """

    temperature: float = setting(0.01, "temperature of the sigmoids that count references above (τ2)", above=0)
    k_temperature: float = setting(1.0, "temperature of the sigmoid at rank k (τ1)", above=0)
    largest_k: int = setting(16, "recall@k is averaged over k = 1, 2, 4 … up to this", at_least=1)
    name: str = "recall_at_k"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Mean over k and anchors of 1 − recall@k, from [anchors, references] similarities."""
        ranks = 1.0 + tf.reduce_sum(soft_counts_above(scores, pairs, self.temperature), axis=0)
        num_positives = tf.math.count_nonzero(pairs.positives, axis=1, dtype=tf.float32)
        has_positives = num_positives > 0
        ks = [2.0**power for power in range(self.largest_k.bit_length())]
        by_anchor = 0.0
        for k in ks:
            found = tf.where(pairs.positives, tf.sigmoid((k - ranks) / self.k_temperature), 0.0)
            recall = tf.minimum(tf.reduce_sum(found, axis=1), k) / tf.clip_by_value(num_positives, 1.0, k)
            by_anchor += (1.0 - recall) / len(ks)
        return mean_over(by_anchor, has_positives)
