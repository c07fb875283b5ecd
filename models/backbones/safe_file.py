"""Checks a ``.keras`` file before it is loaded, so that no code in it is run. Free of TensorFlow."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from typing import Any

from ccp.errors import ConfigError

_CONFIG = "config.json"
# Modules whose classes a file may name, and classes elsewhere in Keras.
_MODULES = ("keras.layers", "keras.initializers", "keras.regularizers", "keras.constraints", "keras.dtype_policies")
_PACKAGES = ("keras.src.layers.", "keras.src.ops.")
_CLASSES = ("DTypePolicy", "Functional", "Model", "Policy", "Sequential")
_VALUES = ("__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__")  # No objects.
_CODE = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer")
_OTHER_FILES = ("StringLookup", "IntegerLookup", "TextVectorization")  # Their vocabulary may be any file.
_RANDOM = ("Random", "Gaussian", "RandAugment", "AutoContrast", "MixUp", "CutMix", "AugMix")
# What an operation of TensorFlow in a Keras 2 network may be.
_OPERATIONS = ("math.", "nn.", "linalg.", "image.", "__operators__.")
_PLAIN_OPERATIONS = (
    *("cast", "clip_by_value", "concat", "expand_dims", "gather", "identity", "ones_like", "pad", "repeat", "reshape"),
    *("reverse", "shape", "split", "squeeze", "stack", "tile", "transpose", "unstack", "zeros_like"),
    *("compat.v1.gather", "compat.v1.pad", "compat.v1.shape", "compat.v1.squeeze", "compat.v1.transpose"),
)


def read_network(path: str) -> dict[str, Any]:
    """The description of the network in a ``.keras`` file.

    Raises:
      ConfigError: there is no such file, or loading it could run code, read other files, or draw at random in training.
    """
    try:
        with zipfile.ZipFile(path) as file:
            network = json.loads(file.read(_CONFIG))
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}; check --backbone.") from None
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path} is no file of model.save('….keras') ({error}); save the network so.") from error
    network.pop("compile_config", None)  # Not loaded.
    for described in _objects(network):
        _check(described, path)
    return network


def input_shape(network: dict[str, Any], path: str) -> list[int | None]:
    """[height, width, channels] of the input, None where any size is taken.

    Raises:
      ConfigError: the network does not have one input of images.
    """
    inputs = [layer["config"] for layer in network["config"]["layers"] if layer["class_name"] == "InputLayer"]
    shapes = [config.get("batch_shape") or config.get("batch_input_shape") for config in inputs]
    shapes = shapes or [network.get("build_config", {}).get("input_shape")]
    if len(shapes) != 1 or not isinstance(shapes[0], list) or len(shapes[0]) != 4:
        raise ConfigError(
            f"A backbone has one input, [batch, height, width, channels]; {path} has {', '.join(map(str, shapes))}."
        )
    return shapes[0][1:]


def file_digest(path: str) -> str:
    """The SHA-256 of a file.

    Raises:
      ConfigError: there is no such file.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}); check --backbone.") from error


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    """Everything that Keras would make an object of."""
    if isinstance(value, dict):
        if "class_name" in value:
            yield value
        for inner in value.values():
            yield from _objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _objects(inner)


def _check(described: dict[str, Any], path: str) -> None:
    name, module = str(described["class_name"]), str(described.get("module") or "")
    config = described.get("config")
    operation = str(config.get("function", "")) if isinstance(config, dict) else ""
    if name in _CODE:
        raise ConfigError(
            f"{path} has a {name} layer, which holds code, and code in a file is never run. Build the network from "
            "Keras' other layers (Rescaling, Reshape, Normalization, …), and save it again."
        )
    if name in _OTHER_FILES:
        raise ConfigError(f"{path} has a {name} layer, which is not for images; save the network without it.")
    if name.startswith(_RANDOM):
        raise ConfigError(
            f"{path} has a {name} layer. What it draws would not be the same after resuming, and training images are "
            "augmented before the network; save the network without it."
        )
    is_value = name in _VALUES and not module
    is_allowed = module in _MODULES or module.startswith(_PACKAGES) or name in _CLASSES
    is_allowed = is_allowed and (module == "keras" or module.startswith("keras."))
    if name == "TFOpLambda":
        is_allowed = operation.startswith(_OPERATIONS) or operation in _PLAIN_OPERATIONS
        name = f"tf.{operation}"
    if not (is_value or is_allowed):
        owner = f" of {module}" if module else ""
        raise ConfigError(
            f"{path} has {name}{owner}, which is not among Keras' layers, and code from elsewhere is not imported for "
            "a file. Build the network from Keras' layers, or train it from Python with ccp.Trainer or ccp.CCPModel."
        )
