"""Annotations: tables of texts, out of files whose columns are separated by white space; read strictly."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from datasets.manifest import Box, DataError
from datasets.text_files import is_inside, read_text

_DIGITS = re.compile("[0-9]{1,15}")
_LARGEST = 1e9  # Far beyond any image; sums of two still fit 32 bits.

_T = TypeVar("_T")


def whole_number(text: str) -> int:
    """A whole number, not negative, in digits alone; raises ValueError for anything else."""
    if not _DIGITS.fullmatch(text):
        raise ValueError(text)
    return int(text)


def number(text: str) -> float:
    """A number that could be a coordinate; raises ValueError for anything else."""
    value = float(text)
    if "_" in text or not abs(value) <= _LARGEST:
        raise ValueError(text)
    return value


def outward(left: float, top: float, right: float, bottom: float) -> Box:
    """The smallest box of whole pixels around one whose right and bottom are where it ends."""
    return Box(math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))


@dataclasses.dataclass(frozen=True)
class Table:
    """The columns of annotations.

    Attributes:
      path: of the file, for messages.
      first_line: the line of the first row, counted from 1.
      columns: [num_rows] texts by column name.
      struct_array: the variable that the rows are in, in a MATLAB file; empty for a text file.
    """

    path: str
    first_line: int
    columns: Mapping[str, Sequence[str]]
    struct_array: str = ""

    def error(self, row: int, problem: str) -> DataError:
        """An error that names the line or the struct of a row."""
        number = self.first_line + row
        place = f" {self.struct_array}({number})" if self.struct_array else str(number)
        return DataError(f"{self.path}:{place}: {problem}")

    def paths(self, name: str) -> Sequence[str]:
        """A column of paths; raises a DataError for one that leads out of the data set's directory."""
        for row, path in enumerate(self.columns[name]):
            if not is_inside(path):
                raise self.error(row, f"{name} should be below the data set's directory; found {path!r}.")
        return self.columns[name]

    def whole_numbers(self, name: str) -> list[int]:
        """A column of whole numbers; raises a DataError for anything else in it."""
        return self._converted(name, whole_number, "a whole number")

    def class_numbers(self, name: str, known: range) -> list[int]:
        """A column of whole numbers in a range; raises a DataError for anything else in it."""
        numbers = self.whole_numbers(name)
        for row, class_number in enumerate(numbers):
            if class_number not in known:
                raise self.error(row, f"{name} should be one of {known[0]} … {known[-1]}; found {class_number}.")
        return numbers

    def numbers(self, name: str) -> list[float]:
        """A column of coordinates; raises a DataError for anything else in it."""
        return self._converted(name, number, "a number")

    def rows_by(self, name: str) -> dict[str, int]:
        """Row numbers by what a column holds; raises a DataError for anything that occurs twice."""
        rows: dict[str, int] = {}
        for row, key in enumerate(self.columns[name]):
            if rows.setdefault(key, row) != row:
                raise self.error(row, f"{name} {key!r} occurs twice, first on line {self.first_line + rows[key]}.")
        return rows

    def rows_like(self, other: Table, name: str) -> list[int]:
        """Own rows in the order in which another table has them, matched by a column of both.

        Raises:
          DataError: something occurs twice, or is missing in either of the two.
        """
        own, others = self.rows_by(name), other.rows_by(name)
        for table, rows, lacking, known in ((other, others, self, own), (self, own, other, others)):
            for key in rows:
                if key not in known:
                    raise table.error(rows[key], f"{name} {key!r} is not in {lacking.path}; both should have the same.")
        return [own[key] for key in others]

    def _converted(self, name: str, convert: Callable[[str], _T], what: str) -> list[_T]:
        values = []
        for row, text in enumerate(self.columns[name]):
            try:
                values.append(convert(text))
            except ValueError as error:
                raise self.error(row, f"{name} should be {what}; found {text!r}.") from error
        return values


def read_table(
    path: str, columns: Sequence[str], path_column: str = "", header: bool = False, counted: bool = False
) -> Table:
    """Reads an annotation file.

    Args:
      path: of the file.
      columns: names of its columns.
      path_column: the column that may contain spaces, if one may; it takes all that the others leave.
      header: the rows come after a line of column names.
      counted: the very first line is the number of rows.

    Raises:
      DataError: the file is not of this form; names the line, what was expected and what was found.
    """
    lines = read_text(path).rstrip().split("\n")
    head, body = lines[: header + counted], lines[header + counted :]
    if header and [line.split()[:1] for line in head[counted:]] != [[columns[0]]]:
        raise DataError(f"{path}:{1 + counted}: expected the names of the columns, {' '.join(columns)!r}.")
    table = Table(path, 1 + len(head), dict.fromkeys(columns, ()))
    if body == [""]:  # What splitting nothing gives.
        body = []
    place = columns.index(path_column) if path_column else -1
    rows = [_fields(line, len(columns), place) for line in body]
    for row, fields in enumerate(rows):
        if len(fields) != len(columns):
            wanted = f"expected {len(columns)} columns ({' '.join(columns)})"
            raise table.error(row, f"{wanted}; found {len(fields)}: {body[row][:80]!r}.")
    if counted and lines[0].strip() != str(len(rows)):
        raise DataError(f"{path}:1: expected the number of rows, which is {len(rows)}; found {lines[0][:80]!r}.")
    return dataclasses.replace(table, columns=dict(zip(columns, zip(*rows)))) if rows else table


def _fields(line: str, num_columns: int, path_column: int) -> list[str]:
    """A line's columns; the path keeps the spaces inside it."""
    fields = line.split()
    if len(fields) <= num_columns or path_column < 0:
        return fields
    *before, rest = line.strip().split(None, path_column)
    after = num_columns - 1 - path_column
    return [*before, *(rest.rsplit(None, after) if after else [rest])]
