"""ProxyNCA++ loss."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from ccp import distances
from ccp.losses.pair_loss import PairLoss
from ccp.pairs import Pairs
from ccp.settings import setting


@tf.keras.utils.register_keras_serializable(package="ccp")
@dataclasses.dataclass(eq=False)
class ProxyNCALoss(PairLoss):
    """ProxyNCA++ (Teh et al., ECCV 2020): −log of the softmax mass on the references of the own class.

    The mean is over anchors that have a reference of their own class; against class proxies that is all.
    """

    temperature: float = setting(0.1, "temperature that similarities are divided by", above=0)
    name: str = "proxy_nca"

    compare = staticmethod(distances.normalized_similarity)

    def reduce(self, scores: tf.Tensor, pairs: Pairs) -> tf.Tensor:
        """Softmax over each anchor's [references] similarities."""
        logits = scores / self.temperature
        everything = _log_sum_exp(logits, tf.logical_or(pairs.positives, pairs.negatives))
        own_class = _log_sum_exp(logits, pairs.positives)
        has_own = tf.reduce_any(pairs.positives, axis=1)
        losses = tf.where(has_own, everything - own_class, 0.0)
        return tf.math.divide_no_nan(tf.reduce_sum(losses), tf.math.count_nonzero(has_own, dtype=tf.float32))


def _log_sum_exp(logits: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
    """Log Σ exp over the masked entries of each row; 0 for a row without any."""
    largest = tf.reduce_max(tf.where(mask, logits, logits.dtype.min), axis=1, keepdims=True)
    largest = tf.stop_gradient(tf.where(tf.reduce_any(mask, axis=1, keepdims=True), largest, 0.0))
    # Masked before the exponential: an unmasked entry may be far above the largest masked one.
    summed = tf.reduce_sum(tf.exp(tf.where(mask, logits - largest, logits.dtype.min)), axis=1)
    return tf.squeeze(largest, axis=1) + tf.math.log(tf.where(summed > 0.0, summed, 1.0))
