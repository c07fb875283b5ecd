"""Annotations in MATLAB files, read by SciPy."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from ccp.errors import first_line
from datasets.benchmarks.annotations import Table
from datasets.manifest import DataError

_HEADER, _COMPRESSED = 128, 15


def read_structs(path: str, name: str, fields: Sequence[str]) -> Table:
    """A struct array of a MATLAB file: a row for each struct, counted from 1 as MATLAB does.

    Args:
      path: of the file.
      name: of the variable in it.
      fields: to read.

    Raises:
      DataError: the file cannot be read, or holds no such struct array.
    """
    structs = _variable(path, name)
    found = getattr(structs, "dtype", np.dtype(float)).names
    if found is None:
        raise DataError(f"{path} should hold the struct array {name!r}, and holds none. Fetch it again.")
    for field in fields:
        if field not in found:
            raise DataError(f"{path}: {name} should have the field {field!r}; it has {', '.join(found)}.")
    rows = np.atleast_1d(structs).ravel()
    return Table(path, 1, {field: [_text(value) for value in rows[field].tolist()] for field in fields}, name)


def read_texts(path: str, name: str) -> list[str]:
    """A cell array of texts out of a MATLAB file; empty if the file has none of that name.

    Raises:
      DataError: the file cannot be read.
    """
    cells = _variable(path, name)
    return [] if cells is None else [_text(value) for value in np.atleast_1d(cells).ravel().tolist()]


def _text(value: Any) -> str:
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _check_sums(path: str) -> None:
    """Raises zlib.error for damage in what is compressed; SciPy uses it before that is found out, and may crash.

    After a header of 128 bytes, which ends with the byte order, each element is its type, its size, and that many bytes
    (MAT-File Format, level 5).
    """
    with open(path, "rb") as file:
        order = "<" if file.read(_HEADER)[-2:] == b"IM" else ">"
        while len(head := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", head)
            if kind != _COMPRESSED:
                file.seek(size, os.SEEK_CUR)
                continue
            checked = zlib.decompressobj()
            checked.decompress(file.read(size))
            if not checked.eof:
                raise zlib.error("compressed data are cut off")


def _variable(path: str, name: str) -> Any:
    """A variable, its single values as Python's own; None if the file has none of that name."""
    from scipy.io import loadmat  # Slow to import.

    try:
        _check_sums(path)
        return loadmat(path, squeeze_me=True, variable_names=[name]).get(name)
    # SciPy raises errors of many kinds for damaged files.
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        raise DataError(
            f"{path} is damaged, or no MATLAB file of version 5 to 7 ({first_line(error)}); fetch it again."
        ) from error
