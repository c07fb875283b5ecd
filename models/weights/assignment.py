"""Assigning tensors to a network by name: all of them, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from models.weights.errors import WeightsError

# Top layers in files of whole networks: a classifier, or the embedding of a network that was trained here.
HEAD_LAYERS = frozenset({"classifier", "embedding", "fc", "fc1000", "last_linear", "logits", "pooling", "predictions"})
_MOST_NAMES = 10
# Keras numbers the unnamed layers of its EfficientNet by how many the process has built before.
_NUMBERED = re.compile(r"^(normalization)_\d+$")


def tensor_name(location: str) -> str:
    """``layer/weight`` from ``…/layer/weight:0``, without the models that the layer is in."""
    *_, layer, weight = ["", *location.split("/")]
    layer = _NUMBERED.sub(r"\1", layer)
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
    named = {
        tensor_name(f"{layer.name}/{variable.name}"): variable for layer in _layers(model) for variable in layer.weights
    }
    if len(named) != len(model.weights):
        raise WeightsError(
            f"The network {model.name} has {len(model.weights)} variables, but only {len(named)} different names of "
            "layer and weight; give each layer a unique name."
        )
    return named


def _layers(model: tf.keras.Model) -> Iterator[tf.keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, tf.keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def _read(tensor: Any, name: str, variable: tf.Variable, source: str) -> np.ndarray:
    needed = np.dtype(variable.dtype.as_numpy_dtype)
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
