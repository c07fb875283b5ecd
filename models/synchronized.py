"""Batch normalisation over the images of all replicas."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ccp.keras_api import REPLICATED, is_fused


@tf.keras.utils.register_keras_serializable(package="ccp")
class GlobalBatchNormalization(tf.keras.layers.BatchNormalization):
    """Batch norm whose statistics are those of the images of all replicas together.

    Departs from Keras' ``synchronized=True`` to equal one device on the whole batch: the variance is taken about the
    global mean (two passes; E(x²) − E(x)² loses digits), and the moving variance of images gets Bessel's correction,
    as from the fused kernel of one device. The moving statistics are equal on all replicas, so any one process can read
    and save them.
    """

    def add_weight(self, *args: Any, **kwargs: Any) -> tf.Variable:
        """As Keras, except for the moving statistics, which Keras would average over the replicas at each read."""
        if not kwargs.get("trainable", True):
            kwargs.update(REPLICATED)
        return super().add_weight(*args, **kwargs)

    def call(self, inputs: tf.Tensor, training: bool | None = None, mask: Any = None) -> tf.Tensor:
        """[batch of this replica, …, channels], normalised; no mask is used."""
        if not training or not self.trainable:
            return super().call(inputs, training=False)
        values = tf.cast(inputs, tf.float32)
        axes = list(range(values.shape.rank - 1))
        pixels = tf.cast(tf.size(values) // values.shape[-1], tf.float32)
        count, total = _summed([pixels, tf.reduce_sum(values, axes)])
        mean = total / count
        (squares,) = _summed([tf.reduce_sum(tf.square(values - mean), axes)])
        variance = squares / count
        kept = squares / tf.maximum(count - 1.0, 1.0) if is_fused(self) else variance
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, kept)):
            moving.assign_sub((1.0 - self.momentum) * (moving - tf.stop_gradient(now)))
        normalized = tf.nn.batch_normalization(values, mean, variance, self.beta, self.gamma, self.epsilon)
        return tf.cast(normalized, self.compute_dtype)


def synchronized(model: tf.keras.Model) -> tf.keras.Model:
    """A copy of a network, weights included, whose batch norms are ``GlobalBatchNormalization``."""

    def copied(layer):
        if isinstance(layer, tf.keras.Model):
            return tf.keras.models.clone_model(layer, clone_function=copied)
        kind = GlobalBatchNormalization if isinstance(layer, tf.keras.layers.BatchNormalization) else type(layer)
        copy = kind.from_config(layer.get_config())
        if kind is GlobalBatchNormalization:
            copy.fused = is_fused(layer)
        return copy

    clone = tf.keras.models.clone_model(model, clone_function=copied)
    clone.set_weights(model.get_weights())
    return clone


def _summed(tensors: list[tf.Tensor]) -> list[tf.Tensor]:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, tensors)
