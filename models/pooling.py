"""Pooling of a feature map into one vector."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ccp.errors import ConfigError
from models.generalized_sum import GeneralizedSum

_SMALLEST_FEATURE = 1e-6
_INITIAL_EXPONENT = 3.0


class GeneralizedMean(tf.keras.layers.Layer):
    """(mean over space of x^p)^(1/p), with a learned p that starts at 3 (Radenović et al., TPAMI 2019, equation 3).

    p = 1 is average pooling, and p → ∞ is max pooling. Departs from the paper in two bounds: features below 1e-6 count
    as 1e-6, and p stays at 1 or above, where the mean is defined. Computes in float32, whose range the powers need.
    """

    def __init__(self, name: str = "pooling", **kwargs: Any):
        super().__init__(name=name, **{**kwargs, "dtype": "float32"})

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates p."""
        self.exponent = self.add_weight(
            name="exponent",
            shape=(),
            initializer=tf.keras.initializers.Constant(_INITIAL_EXPONENT),
            constraint=lambda exponent: tf.maximum(exponent, 1.0),
        )
        super().build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """[batch, height, width, channels] to [batch, channels]."""
        features = tf.maximum(tf.cast(features, tf.float32), _SMALLEST_FEATURE)
        # Relative to the largest, so that no power overflows.
        largest = tf.stop_gradient(tf.reduce_max(features, axis=[1, 2], keepdims=True))
        mean = tf.reduce_mean(tf.pow(features / largest, self.exponent), axis=[1, 2])
        return tf.squeeze(largest, [1, 2]) * tf.pow(mean, 1.0 / self.exponent)


def pool(features: tf.Tensor, kind: str, prototypes: int = 64, share: float = 0.3) -> tf.Tensor:
    """[batch, height, width, channels] or [batch, tokens, channels] to [batch, channels]; others stay as they are.

    Args:
      features: the backbone's output.
      kind: as in ``NetworkSettings.pooling``.
      prototypes: as in ``NetworkSettings.pooling_prototypes``.
      share: as in ``NetworkSettings.pooling_share``.

    Raises:
      ConfigError: there is no class token.
    """
    layers, rank = tf.keras.layers, len(features.shape)
    if rank == 2:
        return features
    if kind == "class_token" and rank != 3:
        raise ConfigError(
            f"--pooling=class_token is for transformers, whose output is [batch, tokens, channels]; got a map "
            f"{list(features.shape)}. Choose another --pooling."
        )
    if kind == "class_token":
        return layers.Flatten(name="pooling")(
            layers.Cropping1D((0, features.shape[1] - 1), name="first_token")(features)
        )
    if rank == 3:
        features = layers.Reshape((-1, 1, features.shape[-1]), name="tokens")(features)
    if kind == "gem":
        return GeneralizedMean()(features)
    if kind == "gsp":
        return GeneralizedSum(prototypes, share)(features)
    if kind == "average":
        return layers.GlobalAveragePooling2D(name="pooling")(features)
    if kind == "max":
        return layers.GlobalMaxPooling2D(name="pooling")(features)
    averages, maxima = layers.GlobalAveragePooling2D(name="averages"), layers.GlobalMaxPooling2D(name="maxima")
    return layers.Add(name="pooling")([averages(features), maxima(features)])
