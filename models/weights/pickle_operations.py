"""The pickle operations that state dicts of PyTorch are made of, carried out without unpickling.

Values are plain dicts, lists, tuples, numbers and texts, and tensors are records. Nothing that a pickle names is
imported or called, so that none can run code, and work and memory are bounded by the pickle's length.
"""

from __future__ import annotations

import pickletools
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from models.weights.errors import WeightsError

_MAX_OPERATIONS = 10**6
_MAX_DIMENSIONS = 8
_LARGEST = 2**31
_STORAGES = {"torch FloatStorage": np.dtype("<f4"), "torch LongStorage": np.dtype("<i8")}
_ORDERED_DICT, _REBUILD = "collections OrderedDict", "torch._utils _rebuild_tensor_v2"
_MARK = object()
_VALUES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_TUPLES = {"EMPTY_TUPLE": 0, "TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NUMBERS_AND_TEXTS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"})


class _Global(NamedTuple):
    name: str


class Storage(NamedTuple):
    """The values of one or more tensors, which are in the file behind the pickles."""

    key: str
    dtype: np.dtype
    length: int


class TensorRecord(NamedTuple):
    """A tensor as a view of its storage: offset and strides are in values, not in bytes."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def interpret(file: BinaryIO, storages: dict[str, Storage] | None = None) -> Any:
    """The value that the next pickle of a file describes.

    Args:
      file: at the pickle's start; at its end afterwards.
      storages: by key; gets the storages that the pickle refers to. None if it must not refer to any.

    Raises:
      WeightsError: the pickle holds more than tensors; the message continues the file's name.
      AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError: it is damaged.
    """
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
    if not isinstance(storage, Storage) or not isinstance(requires_grad, bool) or hooks != {}:
        raise TypeError("a tensor of something else than a storage")
    if len(shape) != len(strides) or len(shape) > _MAX_DIMENSIONS:
        raise ValueError("a tensor of odd dimensions")
    return TensorRecord(storage, _count(offset), tuple(map(_count, shape)), tuple(map(_count, strides)))


def _storage(reference: Any, storages: dict[str, Storage]) -> Storage:
    kind, global_, key, device, length, view = reference
    if (kind, device, view) != ("storage", "cpu", None) or not isinstance(key, str):
        raise ValueError("a reference to what is no storage of the CPU")
    storage = Storage(key, _STORAGES[global_.name], _count(length))
    if storages.setdefault(key, storage) != storage:
        raise ValueError("one storage in two forms")
    return storage


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < _LARGEST:
        raise ValueError("a size or a place that is none")
    return value
