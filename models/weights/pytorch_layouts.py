"""PyTorch's names and layouts of weights, as Keras'."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import numpy as np

_COUNTER = "num_batches_tracked"  # Only used by batch norms without a fixed momentum.
_BATCH_NORM = re.compile(r"(^|_)bn\d?$")
_BATCH_NORM_WEIGHTS = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_DEPTHWISE = "depthwise_conv"


def keras_tensors(state: Mapping[str, np.ndarray], layer_of: Callable[[str], str]) -> dict[str, np.ndarray]:
    """Renames and transposes the weights of a state dict, without copying.

    Args:
      state: convolutions [out, in, height, width], classifiers [out, in], and batch norms [channels], or [1, channels]
        in checkpoints of 2017.
      layer_of: maps a module's path to the layer's name; batch norms end in ``bn`` and perhaps a digit.

    Returns:
      Arrays by ``layer/weight``. Names of other weights are kept in that form, for ``assign_weights`` to report.
    """
    tensors = {}
    for name, array in state.items():
        path, _, weight = name.rpartition(".")
        if weight == _COUNTER:
            continue
        layer = layer_of(path)
        if _BATCH_NORM.search(layer):
            weight = _BATCH_NORM_WEIGHTS.get(weight, weight)
            array = array[0] if array.ndim == 2 and len(array) == 1 else array
        elif layer.endswith(_DEPTHWISE):
            weight, array = "depthwise_kernel", array.transpose(2, 3, 0, 1)
        else:
            weight = "kernel" if weight == "weight" else weight
            array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T
        tensors[f"{layer}/{weight}"] = array
    return tensors
