"""Contrastive loss over similarities (C1)."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.mining import PairMining
from ccp.losses.pair_loss import PairLoss
from ccp.pairs import Pairs
from ccp.settings import setting

# Similarities of 1 are an example's copies of itself: C1 leaves them out, as its authors do.
_SELF_SIMILARITY_TOLERANCE = 1e-5


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class CosineContrastiveLoss(PairLoss):
    """C1: the contrastive loss over similarities that cross-batch memory uses.

    (Σ over positives with s < 1 − 1e-5 of (1 − s − 1e-5) + Σ over negatives with s > margin of (s − margin))
    over the number of anchors. In a cross-batch memory, an anchor's own copy is excluded by this tolerance, as recorded
    from the original code; other losses exclude own copies by index.

    Source: Wang et al., "Cross-Batch Memory for Embedding Learning", CVPR 2020.

    Departs: a negative pair costs s − margin, where the authors sum s itself: another value with the same gradient.
    """

    margin: float = setting(0.5, "similarity below which a negative pair costs nothing", at_least=-1, at_most=1)
    mining: PairMining | None = None
    name: str = "cosine_contrastive"

    compare = staticmethod(distances.normalized_similarity)
    compares_similarities = True
    excludes_own_copies = False

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Both hinges over [anchors, references] similarities, summed per anchor."""
        pulls = tf.where(pairs.positives, tf.nn.relu(1.0 - _SELF_SIMILARITY_TOLERANCE - scores), 0.0)
        pushes = tf.where(pairs.negatives, tf.nn.relu(scores - self.margin), 0.0)
        return tf.reduce_mean(tf.reduce_sum(pulls + pushes, axis=1))
