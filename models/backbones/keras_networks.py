"""The networks of ``tf.keras.applications``."""

from __future__ import annotations

import itertools
from typing import Any

import tensorflow as tf

from ccp.errors import ConfigError
from models.backbones.random_drops import switch_off_drops
from models.registry import BACKBONES
from models.settings import NetworkSettings

_PREPROCESSING = (tf.keras.layers.InputLayer, tf.keras.layers.Rescaling, tf.keras.layers.Normalization)


def keras_backbone(inputs: tf.Tensor, settings: NetworkSettings) -> tf.Tensor:
    """A network of ``tf.keras.applications`` without its classifier, with random weights.

    Departs from Keras' in two things: preprocessing layers at its start are left to the registry's input convention,
    which is exported with the network, computes in float32, and has no statistics that a checkpoint would have to
    restore; and no blocks are dropped at random (stochastic depth; see ``switch_off_drops``).

    Args:
      inputs: [batch, size, size, 3], in the network's convention.
      settings: ``backbone`` is the network's name in the registry.

    Returns:
      Features [batch, height, width, channels].

    Raises:
      ConfigError: the inputs are too small, or this version of Keras does not have the network.
    """
    name, size = settings.backbone, inputs.shape[1]
    smallest = BACKBONES[name].smallest
    if size < smallest:
        raise ConfigError(
            f"{name} needs images of at least {smallest} × {smallest} pixels; got {size} × {size}. Raise "
            "--image_size, or choose --backbone=resnet20."
        )
    network = _build(name, weights=None, input_shape=inputs.shape[1:])
    switch_off_drops(network)
    *_, last = itertools.takewhile(lambda layer: isinstance(layer, _PREPROCESSING), network.layers)
    return tf.keras.Model(last.output, network.output, name=name)(inputs)


def imagenet_network(name: str) -> tf.keras.Model:
    """The network with Keras' ImageNet weights, which are downloaded once.

    Raises:
      ConfigError: this version of Keras does not have the network.
      Exception: from Keras, if the download fails.
    """
    return _build(name, weights="imagenet")


def _build(name: str, **arguments: Any) -> tf.keras.Model:
    keras_name = BACKBONES[name].keras_name
    build = getattr(tf.keras.applications, keras_name, None)
    if build is None:
        raise ConfigError(
            f"Keras 3 has no {keras_name}, which Keras 2 has (Python 3.9 to 3.11); choose another --backbone."
        )
    return build(include_top=False, **arguments)
