"""The weights that a training starts from."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from ccp.errors import ConfigError, first_line
from models.backbones.keras_networks import imagenet_network
from models.embedding import EMBEDDING_LAYER, build_embedding_model
from models.registry import find_backbone
from models.settings import NetworkSettings
from models.weights.assignment import assign_weights, tensors_of
from models.weights.errors import WeightsError
from models.weights.h5_files import read_h5
from models.weights.packaged_weights import check_packaged_weights, packaged_weights

_log = logging.getLogger("ccp")
_HEAD = ("tokens", "first_token", "averages", "maxima", "pooling", EMBEDDING_LAYER)
# The normalisation of the input in Keras' EfficientNet files; here the registry's input convention does it.
_INPUT_NORMALIZATION = "normalization/"
_ADDRESS = re.compile(r"(https?://\S+/([^/\s]+\.h5))")
# Where Keras' cache has another name than the address.
_KEPT_AS = {
    "NASNet-mobile-no-top.h5": "nasnet_mobile_no_top.h5",
    "NASNet-large-no-top.h5": "nasnet_large_no_top.h5",
}


class EarlierNetwork(NamedTuple):
    """The network of an earlier run.

    Attributes:
      source: where it is from, for messages.
      settings: of the network.
      weights: the values of its variables, in the model's order.
    """

    source: str
    settings: NetworkSettings
    weights: list[np.ndarray]


def check_start_weights(settings: NetworkSettings) -> None:
    """Refuses start weights that do not exist, before anything else is done.

    Raises:
      ConfigError: a pretrained backbone has no ``weights``, or there are no ImageNet weights of the backbone.
      WeightsError: the package that holds them is not installed.
    """
    backbone = find_backbone(settings.backbone)
    if not settings.weights and backbone.pretrained and not backbone.has_weights:
        imagenet = "imagenet (downloaded by Keras), " if backbone.keras_name else ""
        imagenet = "imagenet (installed by make setup-pretrained), " if backbone.weights_package else imagenet
        convert = "" if imagenet else " main.py convert makes such a file from the PyTorch checkpoint."
        raise ConfigError(
            f"{settings.backbone} needs --weights: {imagenet}an .h5 file, the directory of an earlier run, or none for "
            f"random weights.{convert} For a small network without pretraining: --backbone=conv4."
        )
    if settings.weights == "imagenet" and not (backbone.keras_name or backbone.weights_package):
        raise ConfigError(
            f"Keras has no weights of {settings.backbone}. Pass the path of an .h5 file as --weights, or choose a "
            "--backbone of Keras Applications, as resnet50, or efficientnet_lite0 to efficientnet_lite2."
        )
    if settings.weights == "imagenet" and backbone.weights_package:
        check_packaged_weights(settings.backbone)


def has_start_weights(settings: NetworkSettings) -> bool:
    """Whether the network starts from weights that were trained before; otherwise from random ones."""
    if settings.weights == "":
        return find_backbone(settings.backbone).has_weights
    return settings.weights != "none"


def load_start_weights(
    model: tf.keras.Model, settings: NetworkSettings, earlier_run: Callable[[str], EarlierNetwork]
) -> None:
    """Loads the start weights of a network.

    A file, or ImageNet, provides the backbone; an earlier run also pooling and embedding layer, if their settings are
    the same. The rest stays random.

    Args:
      model: from ``build_embedding_model``.
      settings: that it was built from; ``settings.weights`` is the source.
      earlier_run: reads the network with the best weights of the run in a directory.

    Raises:
      WeightsError: the weights cannot be read, or do not fit; the network is then unchanged.
    """
    source = settings.weights
    if source in ("", "none"):
        return
    if source == "imagenet" and find_backbone(settings.backbone).weights_package:
        with packaged_weights(settings.backbone) as tensors:
            left_out = _assign_backbone(model, tensors, source)
    elif source == "imagenet":
        left_out = _assign_backbone(model, _imagenet(settings.backbone), source)
    elif os.path.isdir(source):
        left_out = _transfer(model, settings, earlier_run(source))
    else:
        with read_h5(source) as tensors:
            left_out = _assign_backbone(model, tensors, source)
    _log.info("Weights from %s%s", source, f"; left out: {', '.join(left_out)}" if left_out else "")


def _backbone(model: tf.keras.Model) -> tf.keras.Model:
    """The network below the pooling."""
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
    except ConfigError:
        raise
    except Exception as error:  # Keras raises a plain one if the download fails.
        raise WeightsError(
            f"Keras could not download the weights of {backbone} ({first_line(error)}). {_fetching(error)}"
        ) from error


def _fetching(error: Exception) -> str:
    """How to get a file of weights that Keras could not download; its message names the address."""
    found = _ADDRESS.search(str(error))
    if not found:
        return "Download its .h5 file (notop) elsewhere and pass the path as --weights."
    address, name = found.groups()
    return f"Download {address} elsewhere, and put it here as ~/.keras/models/{_KEPT_AS.get(name, name)}."


def _transfer(model: tf.keras.Model, settings: NetworkSettings, earlier: EarlierNetwork) -> list[str]:
    if earlier.settings.backbone != settings.backbone:
        raise WeightsError(
            f"{earlier.source} trained {earlier.settings.backbone}, and this run has {settings.backbone}; pass that "
            "--backbone, or other weights."
        )
    source = build_embedding_model(earlier.settings, model.input_shape[-1], seed=0)
    for weight, saved in zip(source.weights, earlier.weights):
        if saved.shape != tuple(weight.shape):
            raise WeightsError(
                f"{earlier.source} was trained on images of another kind: a weight has shape {saved.shape} there and "
                f"{tuple(weight.shape)} here. Grey and colour images are not interchangeable for {settings.backbone}."
            )
        weight.assign(saved)
    tensors = tensors_of(source)
    if (earlier.settings.pooling, earlier.settings.embedding_size) == (settings.pooling, settings.embedding_size):
        return assign_weights(model, tensors, earlier.source)
    in_head = tuple(f"{name}/" for name in _HEAD)
    body = {name: tensor for name, tensor in tensors.items() if not name.startswith(in_head)}
    return [*assign_weights(_backbone(model), body, earlier.source), "pooling and embedding layer, which differ"]
