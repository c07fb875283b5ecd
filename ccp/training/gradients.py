"""What is done to gradients before the optimizer, in the order that matters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ccp.keras_api import layers_of


def transform_gradients(
    gradients: Sequence[tf.Tensor],
    variables: Sequence[tf.Variable],
    *,
    anchors: dict[Any, tf.Variable],
    proximal_weight: tf.Tensor | float,
    decayed: set[Any],
    weight_decay: float,
    clip_norm: float,
    clip_value: float,
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Proximal term, weight decay, clip by global norm, clip by value: in this order, before the optimizer.

    Both penalties are coupled: they pass through the optimizer's moments, as in the original code.

    Args:
      gradients: one per variable, of its shape.
      variables: the network's weights and the proxies.
      anchors: by ``id(variable)``, what the proximal term ties a variable to: + λ (θ − anchor).
      proximal_weight: λ.
      decayed: ``id`` of the variables that get + weight_decay · θ.
      weight_decay: its factor.
      clip_norm: the global norm is clipped to this.
      clip_value: then each entry is clipped to ± this.

    Returns:
      The transformed gradients, and the global norm before clipping.
    """
    transformed = []
    for gradient, variable in zip(gradients, variables):
        if id(variable) in anchors:
            gradient += proximal_weight * (variable - anchors[id(variable)])
        if id(variable) in decayed:
            gradient += weight_decay * variable
        transformed.append(gradient)
    transformed, global_norm = tf.clip_by_global_norm(transformed, clip_norm)
    return [tf.clip_by_value(gradient, -clip_value, clip_value) for gradient in transformed], global_norm


def batch_norm_variables(model: tf.keras.Model) -> set[Any]:
    """``id`` of every batch-normalisation variable in a model, by layer and not by name."""
    layers = (layer for layer in layers_of(model) if isinstance(layer, tf.keras.layers.BatchNormalization))
    return {id(variable) for layer in layers for variable in layer.weights}
