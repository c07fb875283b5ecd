"""The networks of ``tf.keras.applications``."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from ccp.errors import ConfigError
from models.registry import BACKBONES
from models.settings import NetworkSettings

_SMALLEST_SIZE = 32  # Keras builds none for smaller images.
_FIRST_OF_EFFICIENTNET = "stem_conv_pad"


def keras_backbone(inputs: tf.Tensor, settings: NetworkSettings) -> tf.Tensor:
    """A network of ``tf.keras.applications`` without its classifier, with random weights.

    Departs from Keras' EfficientNet in two things: its normalisation of the input, whose statistics checkpoints would
    not restore, is left to the registry's input convention; and no blocks are dropped at random (stochastic depth),
    since Keras draws that from a state that a resumed training does not have.

    Args:
      inputs: [batch, size, size, 3], in the network's convention.
      settings: ``backbone`` is the network's name in the registry.

    Returns:
      Features [batch, height, width, channels].

    Raises:
      ConfigError: the inputs are too small.
    """
    name, size = settings.backbone, inputs.shape[1]
    if size < _SMALLEST_SIZE:
        raise ConfigError(
            f"{name} needs images of at least {_SMALLEST_SIZE} × {_SMALLEST_SIZE} pixels; got {size} × {size}. Raise "
            "--image_size, or choose --backbone=resnet20."
        )
    network = _build(name, weights=None, input_shape=inputs.shape[1:])
    for layer in network.layers:
        if isinstance(layer, tf.keras.layers.Dropout):
            layer.rate = 0.0
    first = network.get_layer(_FIRST_OF_EFFICIENTNET).input if "efficientnet" in name else network.input
    return tf.keras.Model(first, network.output, name=name)(inputs)


def imagenet_network(name: str) -> tf.keras.Model:
    """The network with Keras' ImageNet weights, which are downloaded once.

    Raises:
      Exception: from Keras, if the download fails.
    """
    return _build(name, weights="imagenet")


def _build(name: str, **arguments: Any) -> tf.keras.Model:
    return getattr(tf.keras.applications, BACKBONES[name].keras_name)(include_top=False, **arguments)
