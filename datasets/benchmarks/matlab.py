"""Struct arrays of annotations, out of MATLAB files."""

from __future__ import annotations

import pathlib

from datasets.benchmarks.mat_format import StructArray, Value, variable
from datasets.manifest import DataError

_LARGEST = 1e9


class Structs:
    """A struct array of a MATLAB file.

    Args:
      path: of the file.
      name: of the variable in it.

    Raises:
      DataError: the file cannot be read, or holds no such struct array.
    """

    def __init__(self, path: str, name: str):
        self.path, self._name = path, name
        structs = _variable(path, name)
        if not isinstance(structs, StructArray):
            raise DataError(f"{path} should hold the struct array {name!r}, and holds none. Fetch it again.")
        self.fields, self._rows = structs

    def texts(self, field: str) -> list[str]:
        """A field that holds text; raises a DataError for anything else in it."""
        values = self._column(field)
        for row, value in enumerate(values):
            if not isinstance(value, str):
                raise self.error(row, f"{field} should be a text; found {str(value)[:80]!r}.")
        return values

    def numbers(self, field: str) -> list[float]:
        """A field that holds one number each; raises a DataError for anything else in it."""
        values = self._column(field)
        for row, value in enumerate(values):
            if not (isinstance(value, tuple) and len(value) == 1 and abs(value[0]) <= _LARGEST):
                raise self.error(row, f"{field} should be a number up to {_LARGEST:.0f}; found {str(value)[:80]!r}.")
        return [value for (value,) in values]

    def classes(self, field: str, known: range) -> list[int]:
        """A field that holds one of some whole numbers each; raises a DataError for anything else in it."""
        values = self.numbers(field)
        for row, value in enumerate(values):
            if value not in known:
                raise self.error(row, f"{field} should be one of {known[0]} … {known[-1]}; found {value}.")
        return [int(value) for value in values]

    def error(self, row: int, problem: str) -> DataError:
        """An error that names the struct, counted from 1 as MATLAB does."""
        return DataError(f"{self.path}: {self._name}({row + 1}): {problem}")

    def _column(self, field: str) -> list[Value]:
        if field not in self.fields:
            raise DataError(
                f"{self.path}: {self._name} should have the field {field!r}; it has {', '.join(self.fields)}."
            )
        place = self.fields.index(field)
        return [row[place] for row in self._rows]


def texts(path: str, name: str) -> list[str]:
    """A cell array of texts out of a MATLAB file; empty if the file has none of that name.

    Raises:
      DataError: the file cannot be read, or has something else of that name.
    """
    cells = _variable(path, name)
    if cells is None:
        return []
    if not isinstance(cells, list) or not all(isinstance(cell, str) for cell in cells):
        raise DataError(f"{path}: {name} should be a cell array of texts. Fetch the file again.")
    return cells


def _variable(path: str, name: str) -> Value:
    try:
        return variable(pathlib.Path(path).read_bytes(), name)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise DataError(f"{path} is damaged, or no MATLAB file of version 5 to 7 ({error}); fetch it again.") from error
