"""What a network's weights are before training."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ccp.errors import ConfigError
from models.backbones.keras_networks import imagenet_network
from models.embedding import EMBEDDING_LAYER, build_embedding_model
from models.registry import BACKBONES
from models.settings import NetworkSettings
from models.weights.assignment import assign_weights, tensors_of
from models.weights.errors import WeightsError
from models.weights.h5_files import read_h5

_log = logging.getLogger("ccp")
_HEAD = ("averages", "maxima", "pooling", EMBEDDING_LAYER)
# Where Keras' EfficientNet files keep what the registry's input convention does.
_INPUT_NORMALIZATION = "normalization/"


class EarlierNetwork(NamedTuple):
    """The network of an earlier run.

    Attributes:
      source: where it is from, for messages.
      settings: what it was built from.
      weights: its variables' values, in the order of the model's.
    """

    source: str
    settings: NetworkSettings
    weights: list[np.ndarray]


def check_start_weights(config: NetworkSettings) -> None:
    """Refuses a start that is not to be had, before anything else is done.

    Raises:
      ConfigError: nothing is said of the weights of a network that is meant to be pretrained, or Keras has none of it.
    """
    if not config.weights and BACKBONES[config.backbone].pretrained:
        keras = "imagenet (fetched by Keras), " if BACKBONES[config.backbone].keras_name else ""
        convert = "" if keras else " main.py convert makes such a file of the PyTorch checkpoint."
        raise ConfigError(
            f"{config.backbone} is meant to start from trained weights. Pass --weights: {keras}an .h5 file, the "
            f"directory of an earlier run, or none to start from nothing.{convert} For a small network without them: "
            "--backbone=conv4."
        )
    if config.weights == "imagenet" and not BACKBONES[config.backbone].keras_name:
        raise ConfigError(
            f"Keras has no weights of {config.backbone}. Pass the path of an .h5 file as --weights, or choose one of "
            f"{', '.join(name for name, backbone in BACKBONES.items() if backbone.keras_name)}."
        )


def load_start_weights(
    model: tf.keras.Model, config: NetworkSettings, earlier_run: Callable[[str], EarlierNetwork]
) -> None:
    """Gives a network the weights that its training starts from.

    From a file, or from ImageNet, the backbone is taken. From an earlier run (the best weights of it), the backbone,
    and pooling and embedding layer too where they are alike. What is not taken stays random.

    Args:
      model: from ``build_embedding_model``.
      config: what it was built from; ``config.weights`` says where from.
      earlier_run: reads the network of the run in a directory.

    Raises:
      WeightsError: they cannot be read, or do not fit; the network is then unchanged.
    """
    source = config.weights
    if source in ("", "none"):
        return
    if source == "imagenet":
        left_out = _assign_backbone(model, _imagenet(config.backbone), source)
    elif os.path.isdir(source):
        left_out = _transfer(model, config, earlier_run(source))
    else:
        with read_h5(source) as tensors:
            left_out = _assign_backbone(model, tensors, source)
    aside = f"; left out: {', '.join(left_out)}" if left_out else ""
    _log.info("Weights from %s%s", source, aside)


def _backbone(model: tf.keras.Model) -> tf.keras.Model:
    """The part below the pooling."""
    names = {layer.name for layer in model.layers}
    first_of_head = model.get_layer(next(name for name in _HEAD if name in names))
    return tf.keras.Model(model.input, first_of_head.input, name=model.name)


def _assign_backbone(model: tf.keras.Model, tensors: Mapping[str, Any], source: str) -> list[str]:
    body = {name: tensor for name, tensor in tensors.items() if not name.startswith(_INPUT_NORMALIZATION)}
    left_out = assign_weights(_backbone(model), body, source)
    return left_out if len(body) == len(tensors) else [*left_out, "normalization of the input"]


def _imagenet(backbone: str) -> dict[str, np.ndarray]:
    try:
        return tensors_of(imagenet_network(backbone))
    except Exception as error:  # Keras raises a plain one where it cannot fetch.
        raise WeightsError(
            f"Keras could not fetch the weights of {backbone} ({_first_line(error)}). Fetch its .h5 file (notop) "
            "elsewhere and pass the path as --weights."
        ) from error


def _transfer(model: tf.keras.Model, config: NetworkSettings, earlier: EarlierNetwork) -> list[str]:
    """The best weights of an earlier run; its data need not be there."""
    if earlier.settings.backbone != config.backbone:
        raise WeightsError(f"{earlier.source} trained {earlier.settings.backbone}, and this run has {config.backbone}.")
    source = build_embedding_model(earlier.settings, model.input_shape[-1], seed=0)
    for weight, saved in zip(source.weights, earlier.weights):
        if saved.shape != tuple(weight.shape):
            raise WeightsError(
                f"{earlier.source} was trained on images of another kind: {weight.name} is {saved.shape} there and "
                f"{tuple(weight.shape)} here. Grey and colour images are not interchangeable for {config.backbone}."
            )
        weight.assign(saved)
    tensors = tensors_of(source)
    if (earlier.settings.pooling, earlier.settings.embedding_size) == (config.pooling, config.embedding_size):
        return assign_weights(model, tensors, earlier.source)
    in_head = tuple(f"{name}/" for name in _HEAD)
    body = {name: tensor for name, tensor in tensors.items() if not name.startswith(in_head)}
    return [*assign_weights(_backbone(model), body, earlier.source), "pooling and embedding layer, which differ"]


def _first_line(error: Exception) -> str:
    return f"{error}".partition("\n")[0] or type(error).__name__
