"""Networks that take long to build, made once for all tests."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from models.embedding import build_embedding_model
from models.settings import NetworkSettings

IMAGE_SIZE = 64
EMBEDDING_SIZE = 4
KERAS_CLASSES = {
    "resnet50": tf.keras.applications.ResNet50,
    "resnet50_v2": tf.keras.applications.ResNet50V2,
    "efficientnet_b0": tf.keras.applications.EfficientNetB0,
}


def settings(backbone: str, **more) -> NetworkSettings:
    """Of a small network."""
    return NetworkSettings(backbone, image_size=IMAGE_SIZE, embedding_size=EMBEDDING_SIZE, **more)


@functools.cache
def embedding_network(backbone: str, channels: int = 3) -> tf.keras.Model:
    """With frozen batch norms, of seed 0; changed only inside ``unchanged_after``."""
    return build_embedding_model(settings(backbone, width=8, freeze_bn=True), channels, seed=0)


@functools.cache
def keras_network(backbone: str) -> tf.keras.Model:
    """The network of ``tf.keras.applications`` as it is, for images of ``IMAGE_SIZE``; not to be changed.

    Batch norms and biases are random too, so that no two layers are alike.
    """
    network = KERAS_CLASSES[backbone](include_top=False, weights=None, input_shape=(IMAGE_SIZE, IMAGE_SIZE, 3))
    random = np.random.default_rng(0)
    for layer in network.layers:
        if not isinstance(layer, tf.keras.layers.Normalization):
            layer.set_weights([_random(random, weight) for weight in layer.weights])
    return network


@contextlib.contextmanager
def unchanged_after(model: tf.keras.Model) -> Iterator[tf.keras.Model]:
    """Gives a network its weights back at the end."""
    before = model.get_weights()
    try:
        yield model
    finally:
        model.set_weights(before)


def images(channels: int = 3, count: int = 2, size: int = IMAGE_SIZE) -> np.ndarray:
    """[count, size, size, channels] float32, from 0 to 255."""
    return np.random.default_rng(1).uniform(0.0, 255.0, (count, size, size, channels)).astype(np.float32)


def _random(random: np.random.Generator, weight: tf.Variable) -> np.ndarray:
    if weight.shape.rank > 1:
        return weight.numpy()
    around = 0.0 if any(name in weight.name for name in ("bias", "beta", "mean")) else 1.0
    return around + random.uniform(-0.1, 0.1, weight.shape)
