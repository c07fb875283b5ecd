"""Assigning tensors to a network by name: all of them, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ccp.keras_api import weight_name
from models.weights.errors import WeightsError

# Top layers in files of whole networks: a classifier, or the embedding of a network that was trained here.
HEAD_LAYERS = frozenset({"classifier", "embedding", "fc", "fc1000", "last_linear", "logits", "pooling", "predictions"})
_MOST_NAMES = 10
# Keras numbers the unnamed layers of its EfficientNet by how many the process has built before.
_NUMBERED = re.compile(r"^(normalization)_\d+$")
_WORDS = re.compile(r"[A-Z][a-z0-9]*(?:\d?D)?")  # Of a class' name: Separable, Conv2D.
_MODEL = "model_weights/"  # In files of whole models.


def tensor_name(location: str) -> str:
    """``layer/weight`` from where a Keras file has it, without the models that the layer is in.

    A slash in the layer's own name, as of Keras 2's DenseNet and MobileNetV3, is an underscore, as Keras 3 names it:
    ``model_weights/conv1/bn/conv1/bn/gamma:0``, layer and variable, is ``conv1_bn/gamma``.
    """
    *layers, weight = location.removeprefix(_MODEL).split("/")
    middle = len(layers) // 2
    name = layers[:middle] if layers[:middle] == layers[middle:] else layers[-1:]
    layer = _NUMBERED.sub(r"\1", "_".join(name))
    return f"{layer}/{weight.partition(':')[0]}"


def layer_name(name: str) -> str:
    """The layer of a ``layer/weight``."""
    return name.partition("/")[0]


def assign_weights(model: tf.keras.Model, tensors: Mapping[str, Any], source: str) -> list[str]:
    """Assigns every variable of a network its tensor if all of them fit; otherwise changes nothing.

    Args:
      model: the network.
      tensors: by ``layer/weight`` (``conv1_7x7_s2/kernel``), in Keras' layouts. Arrays, or objects with a ``shape``
        that can be converted to arrays (HDF5 data sets); they are converted only once every shape fits.
      source: where they are from, for messages.

    Returns:
      Sorted names of the ``HEAD_LAYERS`` among the tensors that the network does not have.

    Raises:
      WeightsError: tensors are missing, surplus, misshapen, damaged or not finite. The message
        counts all that are missing, surplus or misshapen.
    """
    variables = _variables(model)
    names = list(tensors)
    ranked = _ranked([layer_name(name) for name in names], _automatic_names(model))
    tensors = {f"{layer}/{name.partition('/')[2]}": tensors[name] for layer, name in zip(ranked, names)}
    layers = {layer_name(name) for name in variables}
    left_out = {layer_name(name) for name in tensors} & HEAD_LAYERS - layers
    faults = {
        "missing": [name for name in variables if name not in tensors],
        "surplus": [name for name in tensors if name not in variables and layer_name(name) not in left_out],
        "of another shape": [
            f"{name} {_shape(tensors[name])}, needed {_shape(variable)}"
            for name, variable in variables.items()
            if name in tensors and _shape(tensors[name]) != _shape(variable)
        ],
    }
    if any(faults.values()):
        raise WeightsError(
            f"{source} does not fit the network {model.name}, which needs {len(variables)} tensors: "
            f"{'; '.join(_listed(kind, names) for kind, names in faults.items() if names)}. "
            "Pass weights of this network."
        )
    values = {name: _read(tensors[name], name, variable, source) for name, variable in variables.items()}
    for name, variable in variables.items():
        variable.assign(values[name])
    return sorted(left_out)


def tensors_of(model: tf.keras.Model) -> dict[str, np.ndarray]:
    """A network's weights by ``layer/weight``, as ``assign_weights`` takes them."""
    return {name: variable.numpy() for name, variable in _variables(model).items()}


def _variables(model: tf.keras.Model) -> dict[str, tf.Variable]:
    layers = [layer for layer in _layers(model) if layer.weights]
    names = _ranked([layer.name.replace("/", "_") for layer in layers], _automatic_names(model))
    named = {
        f"{name}/{weight_name(layer, variable)}": variable
        for name, layer in zip(names, layers)
        for variable in layer.weights
    }
    if len(named) != len(model.weights):
        raise WeightsError(
            f"The network {model.name} has {len(model.weights)} variables, but only {len(named)} different names of "
            "layer and weight; give each layer a unique name."
        )
    return named


def _automatic_names(model: tf.keras.Model) -> set[str]:
    """The names that Keras gives to layers without one, without their number: ``conv2d`` of ``conv2d_7``."""
    layers = [layer for layer in _layers(model) if layer.weights]
    names = {layer: "_".join(_WORDS.findall(type(layer).__name__)).lower() for layer in layers}
    return {name for layer, name in names.items() if re.fullmatch(rf"{name}(_\d+)?", layer.name)}


def _ranked(layers: list[str], automatic: set[str]) -> list[str]:
    """Layers' names, where those that Keras numbers over all networks of a process are numbered from 0 on instead."""
    ranks = {}
    for kind in automatic:
        found = {name: re.fullmatch(rf"{kind}(?:_(\d+))?", name) for name in layers}
        in_order = sorted((name for name in found if found[name]), key=lambda name: int(found[name][1] or 0))
        ranks.update({name: f"{kind}_{rank}" if rank else kind for rank, name in enumerate(in_order)})
    return [ranks.get(name, name) for name in layers]


def _layers(model: tf.keras.Model) -> Iterator[tf.keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, tf.keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _read(tensor: Any, name: str, variable: tf.Variable, source: str) -> np.ndarray:
    needed = np.dtype(tf.as_dtype(variable.dtype).as_numpy_dtype)
    try:
        with np.errstate(over="ignore"):  # What overflows is found below.
            values = np.asarray(tensor).astype(needed)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(f"{source} is damaged at {name} ({error}); get the file again.") from error
    num_wrong = np.sum(~np.isfinite(values))
    if num_wrong:
        raise WeightsError(
            f"{source} has {num_wrong} of {values.size} values in {name} that are not finite as {needed}; "
            "get the file again, or weights from before training diverged."
        )
    return values


def _shape(tensor: Any) -> list[int]:
    return list(tensor.shape)


def _listed(kind: str, names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return f"{len(names)} {kind} ({', '.join(names[:_MOST_NAMES])}{more})"
