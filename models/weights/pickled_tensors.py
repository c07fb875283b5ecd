"""Tensors in PyTorch's old file format, read without PyTorch.

Such a file (``torch.save`` before version 1.6) is five pickles, the numbers behind them: a magic number, a protocol
version, the machine's byte order, the state dict with references to storages, the storages' names; then for each
storage its length and its values.
"""

from __future__ import annotations

import collections
import io
import math
import os
import pathlib
import pickle
from typing import Any, NamedTuple

import numpy as np

from models.weights.errors import WeightsError

_MAGIC_NUMBER, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001


class _Storage(NamedTuple):
    """The values of one or more tensors, which are in the file behind the pickles."""

    dtype: str
    key: str
    length: int


class _Tensor(NamedTuple):
    """A view of a storage: offset and strides are in values, not in bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: Any


_NAMED = {
    "collections.OrderedDict": collections.OrderedDict,
    "torch._utils._rebuild_tensor_v2": _Tensor,
    "torch.FloatStorage": "<f4",
    "torch.LongStorage": "<i8",
}


class _Unpickler(pickle.Unpickler):
    """Knows state dicts alone: whatever else a pickle names is neither imported nor called."""

    def find_class(self, module: str, name: str) -> Any:
        if f"{module}.{name}" not in _NAMED:
            raise WeightsError(f"holds more than tensors ({module}.{name}); nothing of it is used or run.")
        return _NAMED[f"{module}.{name}"]

    def persistent_load(self, reference: tuple) -> _Storage:
        _, dtype, key, _, length, _ = reference
        return _Storage(dtype, key, length)


def read_pickled_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a state dict, named and laid out as in the file: read-only views, float32 and int64.

    No code in the file is run. A file that was made to could still take all memory: pass files with a known checksum.

    Args:
      path: a file that an old PyTorch, or ``torch.save(…, _use_new_zipfile_serialization=False)``, wrote of a state
        dict on the CPU.

    Raises:
      WeightsError: it is not such a file, is damaged, or holds more than tensors.
    """
    try:
        return _tensors(pathlib.Path(path).read_bytes())
    except WeightsError as error:
        raise WeightsError(f"{path} {error}") from error
    except Exception as error:  # Damage raises whatever it leads to.
        reason = f"{type(error).__name__}: {error}"[:200]
        raise WeightsError(f"{path} is not a whole PyTorch file of the old format ({reason}); get it again.") from error


def _tensors(content: bytes) -> dict[str, np.ndarray]:
    file = io.BytesIO(content)
    magic_number, protocol, system, state, keys = (_Unpickler(file).load() for _ in range(5))
    if magic_number != _MAGIC_NUMBER or protocol != _PROTOCOL or system["little_endian"] is not True:
        raise ValueError("other numbers at its start")
    if not isinstance(state, dict) or not all(isinstance(value, _Tensor) for value in state.values()):
        raise WeightsError("holds no state dict of tensors.")
    storages = {tensor.storage.key: tensor.storage for tensor in state.values()}
    values = {}
    for key in keys:
        length, dtype = storages[key].length, np.dtype(storages[key].dtype)
        if int.from_bytes(file.read(8), "little") != length:
            raise ValueError(f"storage {key} is not of {length} numbers")
        start = file.tell()
        file.seek(start + length * dtype.itemsize)
        if file.tell() > len(content):  # Of an empty buffer NumPy makes an array of whatever is in memory.
            raise ValueError(f"it ends before storage {key} does")
        values[key] = memoryview(content)[start : file.tell()]
    return {name: _view(tensor, values[tensor.storage.key]) for name, tensor in state.items()}


def _view(tensor: _Tensor, values: memoryview) -> np.ndarray:
    """Raises a ValueError, as NumPy does, for a tensor that reaches beyond its storage."""
    if math.prod(tensor.shape) > tensor.storage.length:  # Strides of 0 make huge ones of a few numbers.
        raise ValueError(f"a tensor of shape {tensor.shape} has {tensor.storage.length} numbers")
    dtype = np.dtype(tensor.storage.dtype)
    strides = [stride * dtype.itemsize for stride in tensor.strides]
    return np.ndarray(tensor.shape, dtype, values, tensor.offset * dtype.itemsize, strides)
