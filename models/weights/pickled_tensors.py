"""Tensors in PyTorch's old file format, read without PyTorch.

Such a file (``torch.save`` before version 1.6) is five pickles, the numbers behind them: a magic number, a protocol
version, the machine's byte order, the state dict with references to storages, the storages' names; then for each
storage its length and its values.

No code in a file is run: see ``pickle_operations``.
"""

from __future__ import annotations

import io
import os

import numpy as np

from models.weights.errors import WeightsError, check_readable
from models.weights.pickle_operations import Storage, TensorRecord, interpret

_MAGIC_NUMBER, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_ZIP = b"PK"  # What PyTorch's newer files begin with.
_MAX_BYTES = 2**31


def read_pickled_tensors(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """The tensors of a state dict, named and laid out as in the file: read-only views, float32 and int64.

    Args:
      path: a file that an old PyTorch, or ``torch.save(…, _use_new_zipfile_serialization=False)``, wrote of a state
        dict on the CPU, at most 2 GiB.

    Raises:
      WeightsError: it is not such a file, is damaged, or holds more than tensors.
    """
    check_readable(path)
    try:
        size = os.path.getsize(path)
        if size > _MAX_BYTES:
            raise WeightsError(f"{path} has {size:,} bytes; files of up to {_MAX_BYTES:,} are read.")
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror or error}).") from error
    if content.startswith(_ZIP):
        raise WeightsError(f"{path} is in PyTorch's zip format; the format before PyTorch 1.6 is read here.")
    try:
        return _tensors(content)
    except WeightsError as error:
        raise WeightsError(f"{path} {error}") from error
    # Whatever nonsense the operations of a damaged file make.
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        raise WeightsError(f"{path} is not a whole PyTorch file of the old format ({reason}); get it again.") from error


def _tensors(content: bytes) -> dict[str, np.ndarray]:
    file = io.BytesIO(content)
    magic_number, protocol, system = interpret(file), interpret(file), interpret(file)
    if magic_number != _MAGIC_NUMBER or protocol != _PROTOCOL or system["little_endian"] is not True:
        raise ValueError("other numbers at its start")
    storages: dict[str, Storage] = {}
    state, keys = interpret(file, storages), interpret(file)
    if not isinstance(state, dict) or not all(isinstance(value, TensorRecord) for value in state.values()):
        raise WeightsError("holds no state dict of tensors.")
    if not isinstance(keys, list) or len(keys) != len(storages) or set(keys) != storages.keys():
        raise ValueError("its list of storages differs from those that tensors use")
    values = {key: _values(file, content, storages[key]) for key in keys}
    if file.tell() != len(content):
        raise ValueError(f"{len(content) - file.tell()} bytes too many")
    return {name: _view(tensor, values[tensor.storage.key]) for name, tensor in state.items()}


def _values(file: io.BytesIO, content: bytes, storage: Storage) -> np.ndarray:
    length = int.from_bytes(file.read(8), "little")
    start, num_bytes = file.tell(), storage.length * storage.dtype.itemsize
    if length != storage.length or start + num_bytes > len(content):
        raise ValueError(f"{len(content) - start} bytes are left for {storage.length} or {length} numbers")
    file.seek(num_bytes, os.SEEK_CUR)
    return np.frombuffer(content, storage.dtype, storage.length, start)


def _view(tensor: TensorRecord, values: np.ndarray) -> np.ndarray:
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides))
    count = int(np.prod(tensor.shape, dtype=object))
    if count == 0:
        return np.zeros(tensor.shape, values.dtype)
    # A stride of 0 could make a huge array of one number.
    if last >= len(values) or count > len(values):
        raise ValueError(f"a tensor of shape {tensor.shape} reaches beyond the {len(values)} numbers of its storage")
    strides = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False)
