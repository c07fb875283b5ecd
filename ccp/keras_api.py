"""What is asked of Keras beyond its usual interface; differences between its versions belong here."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


def layers_of(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    """All layers of a model, those of inner models too, and the model itself."""
    return [model, *(module for module in model.submodules if isinstance(module, tf.keras.layers.Layer))]


def create_moments(optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Creates the variables of an optimizer before its first step, so that a checkpoint restores into them."""
    if isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer):  # TensorFlow Addons' kind.
        optimizer._create_all_weights(variables)
    else:
        optimizer.build(variables)
