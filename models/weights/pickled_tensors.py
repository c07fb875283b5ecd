"""Tensors in PyTorch's old file format, read without PyTorch.

Such a file (``torch.save`` before version 1.6) is five pickles, the numbers behind them: a magic number, a protocol
version, the machine's byte order, the state dict with references to storages, the storages' names; then for each
storage its length and its values.

The pickles are not unpickled: the few operations that state dicts are made of are carried out here on plain dicts,
tuples, numbers and texts. Nothing that a file names is imported or called, so that none can run code.
"""

from __future__ import annotations

import io
import os
import pickletools
from typing import Any, NamedTuple

import numpy as np

from models.weights.errors import WeightsError, check_readable

_MAGIC_NUMBER, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_ZIP = b"PK"  # What PyTorch's newer files begin with.
_MAX_BYTES = 2**31
_MAX_OPERATIONS = 10**6
_MAX_DIMENSIONS = 8
_STORAGES = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_ORDERED_DICT, _REBUILD = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_MARK = object()
_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NUMBERS_AND_TEXTS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"})


class _Global(NamedTuple):
    name: str


class _Storage(NamedTuple):
    key: str
    dtype: np.dtype
    length: int


class _Tensor(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


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
    magic_number, protocol, system = _unpickled(file), _unpickled(file), _unpickled(file)
    if magic_number != _MAGIC_NUMBER or protocol != _PROTOCOL or system["little_endian"] is not True:
        raise ValueError("other numbers at its start")
    storages: dict[str, _Storage] = {}
    state, keys = _unpickled(file, storages), _unpickled(file)
    if not isinstance(state, dict) or not all(isinstance(value, _Tensor) for value in state.values()):
        raise WeightsError("holds no state dict of tensors.")
    if not isinstance(keys, list) or len(keys) != len(storages) or set(keys) != storages.keys():
        raise ValueError("its list of storages differs from those that tensors use")
    values = {key: _values(file, content, storages[key]) for key in keys}
    if file.tell() != len(content):
        raise ValueError(f"{len(content) - file.tell()} bytes too many")
    return {name: _view(tensor, values[tensor.storage.key]) for name, tensor in state.items()}


def _values(file: io.BytesIO, content: bytes, storage: _Storage) -> np.ndarray:
    length = int.from_bytes(file.read(8), "little")
    start, num_bytes = file.tell(), storage.length * storage.dtype.itemsize
    if length != storage.length or start + num_bytes > len(content):
        raise ValueError(f"{len(content) - start} bytes are left for {storage.length} or {length} numbers")
    file.seek(num_bytes, os.SEEK_CUR)
    return np.frombuffer(content, storage.dtype, storage.length, start)


def _view(tensor: _Tensor, values: np.ndarray) -> np.ndarray:
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides))
    count = int(np.prod(tensor.shape, dtype=object))
    if count == 0:
        return np.zeros(tensor.shape, values.dtype)
    # A stride of 0 could make a huge array of one number.
    if last >= len(values) or count > len(values):
        raise ValueError(f"a tensor of shape {tensor.shape} reaches beyond the {len(values)} numbers of its storage")
    strides = [stride * values.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False)


def _unpickled(file: io.BytesIO, storages: dict[str, _Storage] | None = None) -> Any:
    """What the next pickle describes; storages that it refers to are added to ``storages``."""
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    for number, (operation, argument, _) in enumerate(pickletools.genops(file)):
        if number > _MAX_OPERATIONS:
            raise WeightsError(f"is described by more than {_MAX_OPERATIONS:,} operations.")
        name = operation.name
        if name == "STOP":
            (result,) = stack
            return result
        if name in _NUMBERS_AND_TEXTS:
            stack.append(argument)
        elif name in _VALUES:
            stack.append(_VALUES[name])
        elif name in ("BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "EMPTY_DICT":
            stack.append({})
        elif name == "EMPTY_LIST":
            stack.append([])
        elif name == "TUPLE":
            stack.append(tuple(_popped(stack)))
        elif name in _TUPLES:
            first = len(stack) - _TUPLES[name]
            stack[first:] = [tuple(stack[first:])]
        elif name == "SETITEM":
            value, key = stack.pop(), stack.pop()
            _add_items(stack[-1], [key, value])
        elif name == "SETITEMS":
            items = _popped(stack)
            _add_items(stack[-1], items)
        elif name == "APPEND":
            item = stack.pop()
            _add_texts(stack[-1], [item])
        elif name == "APPENDS":
            items = _popped(stack)
            _add_texts(stack[-1], items)
        elif name == "GLOBAL":
            stack.append(_known(argument))
        elif name == "REDUCE":
            arguments, called = stack.pop(), stack.pop()
            stack.append(_called(called, arguments))
        elif name == "BUILD":  # State dicts carry versions of their modules, which matter to PyTorch alone.
            stack.pop()
            if not isinstance(stack[-1], dict):
                raise TypeError("a state for what has none")
        elif name == "BINPERSID" and storages is not None:
            stack.append(_storage(stack.pop(), storages))
        elif name != "PROTO":
            raise WeightsError(f"holds more than tensors (the pickle operation {name}); nothing of it is used.")
    raise ValueError("no end")


def _popped(stack: list[Any]) -> list[Any]:
    """What is on the stack above the last mark."""
    items = []
    while stack[-1] is not _MARK:
        items.append(stack.pop())
    stack.pop()
    return items[::-1]


def _add_items(target: Any, items: list[Any]) -> None:
    # Hashing a key of another kind could take a deep recursion.
    if not isinstance(target, dict) or len(items) % 2 or not all(isinstance(key, str) for key in items[::2]):
        raise TypeError("entries that are not named by texts, or not of a dict")
    target.update(zip(items[::2], items[1::2]))


def _add_texts(target: Any, items: list[Any]) -> None:
    if not isinstance(target, list) or not all(isinstance(item, str) for item in items):
        raise TypeError("a list of something else than texts")
    target.extend(items)


def _known(name: str) -> _Global:
    if name not in (_ORDERED_DICT, _REBUILD, *_STORAGES):
        raise WeightsError(f"holds more than tensors ({name[:80]!r}); nothing of it is used or run.")
    return _Global(name)


def _called(called: Any, arguments: Any) -> Any:
    if called == _Global(_ORDERED_DICT) and arguments == ():
        return {}
    if called != _Global(_REBUILD):
        raise TypeError("a call of what is no function of tensors")
    storage, offset, shape, strides, requires_grad, hooks = arguments
    if not isinstance(storage, _Storage) or not isinstance(requires_grad, bool) or hooks != {}:
        raise TypeError("a tensor of something else than a storage")
    if len(shape) != len(strides) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError("a tensor of odd dimensions")
    return _Tensor(storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, strides)))


def _storage(reference: Any, storages: dict[str, _Storage]) -> _Storage:
    kind, global_, key, device, length, view = reference
    if (kind, device, view) != ("storage", "cpu", None) or not isinstance(key, str):
        raise ValueError("a reference to what is no storage of the CPU")
    storage = _Storage(key, _STORAGES[global_.name], _count(length))
    if storages.setdefault(key, storage) != storage:
        raise ValueError("one storage in two forms")
    return storage


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _MAX_BYTES:
        raise ValueError("a size or a place that is none")
    return value
