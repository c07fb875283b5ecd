"""Files in PyTorch's old format, written as its ``torch.save`` did, without PyTorch."""

from __future__ import annotations

import collections
import contextlib
import io
import pickle
import struct
import sys
import types
from collections.abc import Iterator, Mapping
from unittest import mock

import numpy as np

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_SYSTEM = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}


class FloatStorage:
    """Stands for PyTorch's class of that name."""


class LongStorage:
    """Stands for PyTorch's class of that name."""


def _rebuild_tensor_v2():
    """Stands for PyTorch's function of that name."""


def file_of(tensors: Mapping[str, np.ndarray], **start) -> bytes:
    """A state dict's file; arrays that are views of one array share its storage, as tensors do."""
    state = collections.OrderedDict((name, _Tensor(array)) for name, array in tensors.items())
    state._metadata = collections.OrderedDict({"": {"version": 1}})
    return file_of_state(state, **start)


def file_of_state(state, magic_number=MAGIC_NUMBER, protocol=1001, system=_SYSTEM) -> bytes:
    """A file of anything; ``_Tensor``s in it are written as tensors."""
    pickler = _Pickler()
    parts = [*map(pickler.dumps, (magic_number, protocol, system)), pickler.dumps(state)]
    parts.append(pickler.dumps(list(pickler.storages)))
    for values in pickler.storages.values():
        parts += [struct.pack("<q", values.size), values.tobytes()]
    return b"".join(parts)


def start_of_file() -> bytes:
    """What comes before the state dict."""
    return b"".join(pickle.dumps(value, 2) for value in (MAGIC_NUMBER, 1001, _SYSTEM))


class _Tensor:
    def __init__(self, array: np.ndarray):
        self.array = array

    def __reduce__(self):
        array, base = self.array, _base(self.array)
        offset = (array.ctypes.data - base.ctypes.data) // base.itemsize
        strides = tuple(stride // base.itemsize for stride in array.strides)
        return _rebuild_tensor_v2, (base, offset, array.shape, strides, False, collections.OrderedDict())


class _Pickler:
    """Pickles whose storages are kept aside."""

    def __init__(self):
        self.storages: dict[str, np.ndarray] = {}

    def dumps(self, value) -> bytes:
        file = io.BytesIO()
        with _torch_modules():
            _PicklerOfOne(file, self.storages).dump(value)
        return file.getvalue()


class _PicklerOfOne(pickle.Pickler):
    def __init__(self, file, storages):
        super().__init__(file, 2)
        self.storages = storages

    def persistent_id(self, value):
        if not isinstance(value, np.ndarray):
            return None
        kind = FloatStorage if value.dtype == np.float32 else LongStorage
        key = str(id(value))
        self.storages[key] = value
        return "storage", kind, key, "cpu", value.size, None


def _base(array: np.ndarray) -> np.ndarray:
    while array.base is not None:
        array = array.base
    return array


@contextlib.contextmanager
def _torch_modules() -> Iterator[None]:
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage, torch.LongStorage, torch._utils = FloatStorage, LongStorage, utils
    utils._rebuild_tensor_v2 = _rebuild_tensor_v2
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}), contextlib.ExitStack() as stack:
        for one, module in ((FloatStorage, "torch"), (LongStorage, "torch"), (_rebuild_tensor_v2, "torch._utils")):
            stack.enter_context(mock.patch.object(one, "__module__", module))
        yield
