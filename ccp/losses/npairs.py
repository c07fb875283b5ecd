"""N-pairs loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.reductions import log_sum_exp, mean_over
from ccp.losses.within_batch import WithinBatchLoss
from ccp.pairs import Pairs


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class NPairsLoss(WithinBatchLoss):
    """N-pairs: the softmax over one positive and the positives of all other classes.

    The examples of each class are paired in the order of the batch, the first with the second, the third with the
    fourth; the first of a pair is the anchor, the second its positive, and an odd example is left out. Mean over
    anchors of the cross-entropy of their similarities to all positives. With 2 examples per class this is the paper's
    loss; with more, every positive of the anchor's class is a target of equal weight, as in TensorFlow Addons.

    Source: Sohn, "Improved Deep Metric Learning with Multi-class N-pair Loss Objective", NIPS 2016, equation 6.

    Departs: embeddings are normalised, which replaces the paper's penalty on their lengths.
    """

    name: str = "npairs"

    compare = staticmethod(distances.normalized_similarity)

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """The cross-entropy over [batch, batch] similarities."""
        paired = paired_within_classes(pairs)
        is_anchor, is_positive = tf.reduce_any(paired, axis=1), tf.reduce_any(paired, axis=0)
        own = tf.cast(tf.logical_and(pairs.positives, is_positive), tf.float32)
        own_score = tf.math.divide_no_nan(tf.reduce_sum(own * scores, axis=1), tf.reduce_sum(own, axis=1))
        return mean_over(log_sum_exp(scores, tf.broadcast_to(is_positive, tf.shape(scores))) - own_score, is_anchor)


def paired_within_classes(pairs: Pairs) -> tf.Tensor:
    """Disjoint pairs of one class each: [batch, batch] bool, true for the first and the second example of a pair.

    Args:
      pairs: masks of a batch with itself.
    """
    # The number of earlier examples of the same class.
    earlier = tf.linalg.band_part(tf.cast(pairs.positives, tf.int32), -1, 0)
    rank = tf.reduce_sum(earlier, axis=1)[:, tf.newaxis]
    follows = tf.logical_and(tf.equal(rank % 2, 0), tf.equal(tf.transpose(rank), rank + 1))
    return tf.logical_and(pairs.positives, follows)
