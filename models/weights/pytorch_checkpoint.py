"""Converts the published PyTorch weights of BN-Inception."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from types import ModuleType

import numpy as np
import tensorflow as tf

from ccp.errors import first_line
from datasets.files import check_file
from models.backbones.bn_inception import bn_inception
from models.weights.assignment import assign_weights
from models.weights.errors import WeightsError, check_readable
from models.weights.h5_files import save_weights_h5
from models.weights.pytorch_layouts import keras_tensors

# Before 2.6, a file could run code even with weights_only (CVE-2025-32434).
_SAFE_TORCH = (2, 6)
_WRAPPER = "state_dict"
_PREFIXES = re.compile(r"^(?:(?:module|model|backbone)\.)+")


def convert_bn_inception(checkpoint: str, output: str) -> list[str]:
    """Writes the BN-Inception weights of a PyTorch checkpoint as an ``.h5`` file for ``--weights``.

    Args:
      checkpoint: a state dict by ``torch.save``, alone or under ``state_dict``; names may start with ``module.``,
        ``model.`` or ``backbone.``.
      output: the file to write.

    Returns:
      Layers of the checkpoint that are not in the output, such as its classifier.

    Raises:
      WeightsError: PyTorch is not installed or too old, or the checkpoint cannot be read or is of another network.
      OutputError: the output cannot be written.
    """
    check_file(output, "--weights")
    tensors = keras_tensors(read_checkpoint(checkpoint), layer_name)
    inputs = tf.keras.Input((224, 224, 3))
    model = tf.keras.Model(inputs, bn_inception(inputs), name="bn_inception")
    left_out = assign_weights(model, tensors, checkpoint)
    save_weights_h5(model, output)
    return left_out


def read_checkpoint(path: str) -> dict[str, np.ndarray]:
    """The arrays of a PyTorch checkpoint, with its names and layouts, as float32.

    Raises:
      WeightsError: PyTorch is not installed or too old, or the file cannot be read.
    """
    check_readable(path)
    torch = _import_torch()
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # PyTorch's own message would have the user switch the safety off.
        raise WeightsError(
            f"{path} is no PyTorch file that holds tensors alone, and other contents are not run; save its weights "
            "again with torch.save(model.state_dict(), …)."
        ) from error
    except Exception as error:  # Damage raises errors that are not documented and differ by format.
        raise WeightsError(f"{path} is not a whole PyTorch file ({first_line(error)}); get the file again.") from error
    if isinstance(state, Mapping) and isinstance(state.get(_WRAPPER), Mapping):
        state = state[_WRAPPER]
    if not isinstance(state, Mapping) or not all(torch.is_tensor(value) for value in state.values()):
        raise WeightsError(f"{path} holds no state dict of tensors; save one with torch.save(model.state_dict(), …).")
    return {str(name): tensor.detach().float().numpy() for name, tensor in state.items()}


def layer_name(path: str) -> str:
    """The name of our layer for a module of PyTorch's BN-Inception: the same, without wrappers."""
    return _PREFIXES.sub("", path)


def _import_torch() -> ModuleType:
    needed = ".".join(map(str, _SAFE_TORCH))
    remedy = f"pip install 'torch>={needed}' (only conversion needs it)."
    try:
        import torch
    except (ImportError, OSError) as error:
        raise WeightsError(
            f"Reading PyTorch files needs PyTorch, which cannot be imported ({error}): {remedy}"
        ) from error
    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < _SAFE_TORCH:
        raise WeightsError(
            f"PyTorch {torch.__version__} may run code that is hidden in a file; {needed} or later is needed: {remedy}"
        )
    return torch
