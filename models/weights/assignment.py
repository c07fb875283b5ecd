"""Tensors by name, given to a network all together or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from models.weights.errors import WeightsError
from models.weights.names import layer_of, tensor_name

# Top layers that files of whole networks bring along: a classifier, or the embedding of a network trained here.
HEAD_LAYERS = frozenset({"classifier", "embedding", "fc", "fc1000", "last_linear", "logits", "pooling", "predictions"})
_MOST_NAMES = 10


def assign_weights(model: tf.keras.Model, tensors: Mapping[str, Any], source: str) -> list[str]:
    """Gives every variable of a network its tensor, if all of them fit; otherwise changes none.

    Args:
      model: network whose variables are set.
      tensors: by ``layer/weight`` (``conv1_7x7_s2/kernel``), in Keras' layouts; arrays, or what has a ``shape`` and a
        ``dtype`` and turns into an array (HDF5 data sets), which happens only once every shape has been found to fit.
      source: where they come from, for messages.

    Returns:
      Layers of ``HEAD_LAYERS`` that the network does not have and whose tensors were left out, sorted.

    Raises:
      WeightsError: tensors are missing, surplus, misshapen, of the wrong kind, damaged or not finite. All that are
        missing, surplus or misshapen are counted in the same message.
    """
    variables = _variables(model)
    layers = {layer_of(name) for name in variables}
    left_out = {layer_of(name) for name in tensors} & HEAD_LAYERS - layers
    faults = {
        "missing": [name for name in variables if name not in tensors],
        "surplus": [name for name in tensors if name not in variables and layer_of(name) not in left_out],
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
            f"The network {model.name} has {len(model.weights)} variables and {len(named)} names of a layer and a "
            "weight; give each of its layers a name of its own."
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
        found = np.dtype(tensor.dtype)
        with np.errstate(over="ignore"):  # What overflows is found below.
            values = np.asarray(tensor).astype(needed) if found.kind == needed.kind else None
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise WeightsError(f"{source} is damaged at {name} ({error}); get the file again.") from error
    if values is None:
        raise WeightsError(f"{source} holds {name} as {found}; save it as {needed}.")
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
