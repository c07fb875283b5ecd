"""Small networks for tests of weights."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.weights.assignment import assign_weights
from models.weights.h5_files import read_h5


def small_network(seed: int, classifier: str = "") -> tf.keras.Model:
    """A convolution, batch norm and perhaps a dense layer of the given name, all of whose variables are random."""
    inputs = tf.keras.Input((None, None, 3))
    features = tf.keras.layers.Conv2D(4, 3, name="conv")(inputs)
    features = tf.keras.layers.BatchNormalization(name="norm")(features)
    if classifier:
        features = tf.keras.layers.GlobalAveragePooling2D()(features)
        features = tf.keras.layers.Dense(2, name=classifier)(features)
    model = tf.keras.Model(inputs, features, name="small")
    generator = np.random.default_rng(seed)
    model.set_weights([generator.normal(size=value.shape) for value in model.get_weights()])
    return model


def load(model: tf.keras.Model, path: str) -> list[str]:
    """Gives a network the weights of an ``.h5`` file; the layers that were left out."""
    with read_h5(path) as tensors:
        return assign_weights(model, tensors, path)


def arrays(model: tf.keras.Model) -> dict[str, np.ndarray]:
    """The variables of a network without inner models by ``layer/weight``."""
    named = {}
    for layer in model.layers:
        for variable in layer.weights:
            # Keras 2: "conv/kernel:0"; Keras 3: "kernel".
            named[f"{layer.name}/{variable.name.rpartition('/')[2].partition(':')[0]}"] = variable.numpy()
    return named
