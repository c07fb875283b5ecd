"""Generalized sum pooling."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ccp.distances import normalized_euclidean

# Halvings of the interval in which the solution is; a step of Newton's method follows.
_HALVINGS = 24


class GeneralizedSum(tf.keras.layers.Layer):
    """GSP, generalized sum pooling: the mean over the places that are near to learned prototypes.

    A place i weighs w_i = (1 − n r_i)/share, where n is the number of places and r_i the mass that stays at i when
    the mass ``share`` of the places' 1 is transported to the prototypes, in the plan of least cost with entropy as
    regulariser; costs are the distances between features and prototypes, both normalised. The pooled features are the
    mean of w_i · features_i.

    With s_i = Σ over prototypes of exp(−sharpness · cost), the plan has n r_i = 1/(1 + t s_i) with the one t for which
    the weights' mean is 1. That t is found by bisection, and its gradient follows from the equation.

    Source: Gürbüz, Sener and Alatan, "Generalized Sum Pooling for Metric Learning", ICCV 2023.

    At hand: the authors' code, from whose plans and gradients values are recorded.

    Departs: the prototypes are compared with the backbone's features, where the authors' are with features after the
    embedding layer, which here follows the pooling. They start in random directions, where pooling is nearly the mean;
    theirs start as a k-center of pooled features of the first steps. The authors' second loss, which regresses class
    embeddings from how much each prototype gets, is left out.

    Args:
      prototypes: m.
      share: μ, above 0 and below 1.
      sharpness: of the exponential of costs, the entropy's inverse weight.
    """

    def __init__(
        self, prototypes: int = 64, share: float = 0.3, sharpness: float = 5.0, name: str = "pooling", **kwargs: Any
    ):
        super().__init__(name=name, **{**kwargs, "dtype": "float32"})
        self.num_prototypes, self.share, self.sharpness = prototypes, share, sharpness

    def build(self, input_shape: tf.TensorShape) -> None:
        """Creates the prototypes, [prototypes, channels]."""
        # Of length 1 on average.
        directions = tf.keras.initializers.VarianceScaling(mode="fan_out", distribution="untruncated_normal")
        shape = (self.num_prototypes, input_shape[-1])
        self.prototypes = self.add_weight(name="prototypes", shape=shape, initializer=directions)
        super().build(input_shape)

    def call(self, features: tf.Tensor) -> tf.Tensor:
        """[batch, height, width, channels] to [batch, channels]."""
        shape = tf.shape(features)
        features = tf.reshape(tf.cast(features, tf.float32), [shape[0], shape[1] * shape[2], features.shape[-1]])
        costs = normalized_euclidean(tf.reshape(features, [-1, features.shape[-1]]), self.prototypes)
        costs = tf.reshape(costs, [shape[0], shape[1] * shape[2], self.num_prototypes])
        weights = place_weights(costs, self.share, self.sharpness)
        return tf.reduce_mean(weights[..., tf.newaxis] * features, axis=1)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        own = {"prototypes": self.num_prototypes, "share": self.share, "sharpness": self.sharpness}
        return {**super().get_config(), **own}


def place_weights(costs: tf.Tensor, share: float, sharpness: float) -> tf.Tensor:
    """How much each place counts.

    Args:
      costs: [batch, places, prototypes] float32.
      share: of the mass that is transported, above 0 and below 1.
      sharpness: of the exponential of costs.

    Returns:
      [batch, places] float32 from 0 to 1/share, with means of 1.
    """
    log_sums = tf.reduce_logsumexp(-sharpness * costs, axis=2)
    # n r_i = 1/(1 + t s_i), so that share · w_i = t s_i/(1 + t s_i) = sigmoid(log t + log s_i).
    fixed = tf.stop_gradient(log_sums)
    middle = tf.math.log(share) - tf.math.log1p(-share)

    def halve(low, high):
        guess = (low + high) / 2.0
        too_low = tf.reduce_mean(tf.sigmoid(guess + fixed), axis=1, keepdims=True) < share
        return tf.where(too_low, guess, low), tf.where(too_low, high, guess)

    ends = (middle - tf.reduce_max(fixed, axis=1, keepdims=True), middle - tf.reduce_min(fixed, axis=1, keepdims=True))
    low, high = tf.while_loop(lambda *_: True, halve, ends, maximum_iterations=_HALVINGS)
    log_t = tf.stop_gradient((low + high) / 2.0)
    # Newton's step has the value of the solution and, with its slope held fixed, the solution's gradient too.
    filled = tf.sigmoid(log_t + log_sums)
    slope = tf.stop_gradient(tf.reduce_mean(filled * (1.0 - filled), axis=1, keepdims=True))
    log_t -= (tf.reduce_mean(filled, axis=1, keepdims=True) - share) / slope
    return tf.sigmoid(log_t + log_sums) / share
