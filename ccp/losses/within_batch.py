"""Baselines that compare a batch with itself only."""

from __future__ import annotations

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.pairs import Pairs


class WithinBatchLoss(PairLoss):
    """Base of the losses that take no other references than the batch.

    The value is exactly 0 for a batch without a positive or without a negative pair.
    """

    def against(self, labels, embeddings, reference_labels, reference_embeddings, own_copies=None) -> tf.Tensor:
        """Always raises a ValueError: these losses take no other references."""
        raise ValueError(
            f"{type(self).__name__} compares a batch with itself and takes no other references; "
            "for proxies or a memory choose another pair loss."
        )

    def compute(self, anchors, references, reference_labels, pairs: Pairs) -> tf.Tensor:
        """The loss of the batch, if it has pairs of both kinds."""
        comparable = tf.logical_and(tf.reduce_any(pairs.positives), tf.reduce_any(pairs.negatives))
        loss = tf.where(comparable, self.compute_batch(anchors, pairs), 0.0)
        # Minima and masks hide an embedding that is NaN, and the loss has to show it.
        return loss + 0.0 * tf.reduce_sum(anchors)

    def compute_batch(self, anchors: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """The loss of a batch with pairs of both kinds; one that needs more than the matrix of scores overrides this.

        Args:
          anchors: [batch, embedding_size] float32, not normalised.
          pairs: masks [batch, batch].
        """
        return self.reduce(self.compare(anchors, None), pairs)
