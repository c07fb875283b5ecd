"""Annotations in MATLAB files, read by SciPy and checked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ccp.errors import first_line
from datasets.manifest import DataError

_LARGEST = 1e9


class Structs:
    """A struct array of a MATLAB file.

    Args:
      path: of the file.
      name: of the variable in it.

    Attributes:
      path: of the file.
      fields: names of the fields.

    Raises:
      DataError: the file cannot be read, or holds no such struct array.
    """

    def __init__(self, path: str, name: str):
        self.path, self._name = path, name
        structs = _variable(path, name)
        if getattr(structs, "dtype", np.dtype(float)).names is None:
            raise DataError(f"{path} should hold the struct array {name!r}, and holds none. Fetch it again.")
        self.fields, self._rows = structs.dtype.names, np.atleast_1d(structs).ravel()

    def texts(self, field: str) -> list[str]:
        """A field that holds text; raises a DataError for anything else in it."""
        return self._column(field, lambda value: isinstance(value, str), "a text")

    def numbers(self, field: str) -> list[float]:
        """A field that holds one number each; raises a DataError for anything else in it."""
        return self._column(field, _is_number, f"a number up to {_LARGEST:.0f}")

    def classes(self, field: str, known: range) -> list[int]:
        """A field that holds one of some whole numbers each; raises a DataError for anything else in it."""
        what = f"one of {known[0]} … {known[-1]}"
        values = self._column(field, lambda value: _is_number(value) and value in known, what)
        return [int(value) for value in values]

    def error(self, row: int, problem: str) -> DataError:
        """An error that names the struct, counted from 1 as MATLAB does."""
        return DataError(f"{self.path}: {self._name}({row + 1}): {problem}")

    def _column(self, field: str, is_valid: Callable[[Any], bool], what: str) -> list:
        if field not in self.fields:
            raise DataError(
                f"{self.path}: {self._name} should have the field {field!r}; it has {', '.join(self.fields)}."
            )
        values = self._rows[field].tolist()
        for row, value in enumerate(values):
            if not is_valid(value):
                raise self.error(row, f"{field} should be {what}; found {str(value)[:80]!r}.")
        return values


def texts(path: str, name: str) -> list[str]:
    """A cell array of texts out of a MATLAB file; empty if the file has none of that name.

    Raises:
      DataError: the file cannot be read, or has something else of that name.
    """
    cells = _variable(path, name)
    values = [] if cells is None else np.atleast_1d(cells).ravel().tolist()
    if not all(isinstance(value, str) for value in values):
        raise DataError(f"{path}: {name} should be a cell array of texts. Fetch the file again.")
    return values


def _variable(path: str, name: str) -> Any:
    """A variable, its single values as Python's own; None if the file has none of that name."""
    from scipy.io import loadmat  # Slow to import.

    try:
        return loadmat(path, squeeze_me=True, variable_names=[name]).get(name)
    # SciPy raises errors of many kinds for damaged files.
    except Exception as error:
        if isinstance(error, OSError) and error.strerror:
            raise DataError(f"{path} cannot be read: {error.strerror}.") from error
        raise DataError(
            f"{path} is damaged, or no MATLAB file of version 5 to 7 ({first_line(error)}); fetch it again."
        ) from error


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and abs(value) <= _LARGEST
