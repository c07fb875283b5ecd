"""Checks a ``.keras`` file before it is loaded, so that no code in it is run. Free of TensorFlow."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from typing import Any

import h5py

from ccp.errors import ConfigError

_CONFIG, _WEIGHTS = "config.json", "model.weights.h5"
# Modules whose classes a file may name, and classes elsewhere in Keras.
_INITIALIZERS = "keras.initializers"
_MODULES = ("keras.layers", _INITIALIZERS, "keras.regularizers", "keras.constraints", "keras.dtype_policies")
_PACKAGES = ("keras.src.layers.", "keras.src.ops.")
_CLASSES = ("DTypePolicy", "Functional", "Model", "Policy", "Sequential")
_VALUES = ("__keras_tensor__", "__tensor__", "__numpy__", "__ellipsis__", "__slice__")  # No objects.
_CODE = (
    *("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer"),
    *("ClassMethod", "InstanceMethod", "InstanceProperty"),  # Of TensorFlow, by name.
)
_OPERATION_LAYERS = ("TFOpLambda", "SlicingOpLambda")  # Of Keras 2, around an operation of TensorFlow.
_VOCABULARIES = ("StringLookup", "IntegerLookup", "IndexLookup", "TextVectorization")  # Which may be any file.
_RANDOM = ("Random", "Gaussian", "RandAugment", "AutoContrast", "MixUp", "CutMix", "AugMix")
# What such an operation may be.
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
        network["config"]["layers"][0]["config"]
    except FileNotFoundError:
        raise ConfigError(f"There is no file {path}; check --backbone.") from None
    # Damage to the file, or a description of something else.
    except (OSError, LookupError, ValueError, TypeError, RecursionError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path} is no file of model.save('….keras') ({error}); save the network so.") from error
    network.pop("compile_config", None)  # Not loaded.
    for described in _objects(network):
        _check(described, path)
    return network


def check_weights(path: str) -> None:
    """Refuses weights that are not in the ``.keras`` file itself, or in a form that holds code.

    Keras 2 would also read ``model.weights.npz``, by pickle, which runs what is in it.

    Raises:
      ConfigError: there are such weights, or none.
    """
    try:
        with zipfile.ZipFile(path) as file, file.open(_WEIGHTS) as weights, h5py.File(weights) as tensors:
            _check_group(tensors, path)
    except ConfigError:
        raise
    except Exception as error:  # For damaged files, h5py raises many kinds.
        raise ConfigError(f"{path} has no {_WEIGHTS} that can be read ({error}); save the network again.") from error


def _check_group(group: h5py.Group, path: str) -> None:
    for name in group:
        item = group[name] if isinstance(group.get(name, getlink=True), h5py.HardLink) else None
        if isinstance(item, h5py.Group):
            _check_group(item, path)
        elif item is None or (isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)):
            raise ConfigError(f"{path} keeps {group.name}/{name} in another place; save the network again.")


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
    if name in _VOCABULARIES:
        raise ConfigError(f"{path} has a {name} layer, which is not for images; save the network without it.")
    if name.startswith(_RANDOM) and module != _INITIALIZERS:
        raise ConfigError(
            f"{path} has a {name} layer. What it draws would not be the same after resuming, and training images are "
            "augmented before the network; save the network without it."
        )
    is_value = name in _VALUES and not module
    is_allowed = module in _MODULES or module.startswith(_PACKAGES) or name in _CLASSES
    is_allowed = is_allowed and (module == "keras" or module.startswith("keras."))
    # Keras also looks for functions, for a class in a class, and by the name that a class is registered under.
    is_class = name.isidentifier() and name[0].isupper() and described.get("registered_name") in (None, name)
    is_allowed = is_allowed and is_class
    if name in _OPERATION_LAYERS:
        is_allowed = is_allowed and (operation.startswith(_OPERATIONS) or operation in _PLAIN_OPERATIONS)
        is_allowed = is_allowed and not any(word in operation for word in ("random", "dropout", "fractional"))
        name = f"tf.{operation}"
    if not (is_value or is_allowed):
        owner = f" of {module}" if module else ""
        raise ConfigError(
            f"{path} has {name}{owner}, which is not among Keras' layers, and code from elsewhere is not imported for "
            "a file. Build the network from Keras' layers, or train it from Python with ccp.Trainer or ccp.CCPModel."
        )
