"""Lifted structure loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp.losses.reductions import log_sum_exp, mean_over
from ccp.losses.within_batch import WithinBatchLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class LiftedStructureLoss(WithinBatchLoss):
    """Lifted structure: every positive pair against the negatives of both of its ends.

    Mean over positive pairs of (J+)²/2 with J = log(Σ exp(margin − d(a, n)) + Σ exp(margin − d(p, n))) + d(a, p), d
    Euclidean and the sums over the negatives of either end.

    Source: Oh Song et al., "Deep Metric Learning via Lifted Structured Feature Embedding", CVPR 2016, equation 4.

    Departs: embeddings are normalised.
    """

    margin: float = setting(
        1.0, "distance at which a negative weighs as much as a positive at 0 (α)", at_least=0, at_most=2
    )
    name: str = "lifted_structure"

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """All positive pairs of [batch, batch] distances, with all negatives of both ends."""
        pushes = log_sum_exp(self.margin - scores, pairs.negatives)
        # log(exp(x) + exp(y)) = y + softplus(x − y), which does not overflow.
        of_both_ends = pushes + tf.nn.softplus(pushes[:, tf.newaxis] - pushes)
        return mean_over(tf.square(tf.nn.relu(of_both_ends + scores)) / 2.0, pairs.positives)
