"""The user's own images: a CSV file that names them and their classes."""

from __future__ import annotations

import csv
import io
import os
import posixpath
from collections.abc import Iterator, Sequence

from datasets.benchmarks.annotations import number, outward
from datasets.manifest import GALLERY, QUERY, TEST, TRAIN, VALIDATION, Box, DataError, Entry, Manifest, assemble
from datasets.own_images.unseen_classes import natural_order, refuse_test_images, test_classes
from datasets.settings import DataSettings
from datasets.text_files import is_inside, read_text

_NEEDED = ("path", "label")
_CORNERS = ("left", "top", "right", "bottom")
_COLUMNS = (*_NEEDED, "split", "role", *_CORNERS)
_SPLITS = {"train": TRAIN, "val": VALIDATION, "validation": VALIDATION, "test": TEST}
_ROLES = {"": "", "query": QUERY, "gallery": GALLERY}


def load(settings: DataSettings) -> Manifest:
    """Images as a CSV file lists them, with a first line of column names.

    ``path`` and ``label`` are needed. ``split`` is train, val, validation or test; without that column the last of
    the classes in natural order are for test. ``role`` is query or gallery, for test images alone. ``left``, ``top``,
    ``right`` and ``bottom`` are a box, right and bottom the first pixels outside. Spaces around values do not count.
    Without labels, every training image is a class, and only validation and test images need a ``label``.

    Args:
      settings: ``manifest`` is the CSV file, in UTF-8; ``data_dir`` the directory that paths are relative to, empty for
        the one that the CSV file is in (an absolute path must be below it); ``test_fraction`` how many of the classes
        are for test where there is no column for it. Without test images, all classes are trained on.

    Raises:
      DataError: the file is not of this form; names the line.
    """
    manifest = settings.manifest
    root = settings.data_dir or os.path.dirname(manifest) or os.curdir
    rows = _rows(manifest)
    _, columns = next(rows, (1, []))
    labelled = settings.labels == "given"
    _check_columns(manifest, columns, labelled)
    entries = [_entry(f"{manifest}:{line}", root, columns, row, labelled) for line, row in rows]
    class_names = natural_order({entry.class_name for entry in entries})
    if entries and labelled and "split" not in columns:
        unseen = test_classes(manifest, class_names, settings.test_fraction)
        entries = [entry._replace(split=TEST if entry.class_name in unseen else TRAIN) for entry in entries]
    if labelled and settings.test_fraction == 0 and any(entry.split == TEST for entry in entries):
        refuse_test_images(manifest)
    return assemble("csv", root, entries, class_names)


def _rows(manifest: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and values of each row that is not blank."""
    reader = csv.reader(io.StringIO(read_text(manifest), newline=""), strict=True)
    try:
        for row in reader:
            values = [value.strip() for value in row]
            if values not in ([], [""]):
                yield reader.line_num, values
    except csv.Error as error:
        raise DataError(f"{manifest}:{reader.line_num}: not CSV ({error}); fix the line.") from error


def _check_columns(manifest: str, columns: Sequence[str], labelled: bool) -> None:
    needed = _NEEDED if labelled else _NEEDED[:1]
    known = f"The columns are {', '.join(_COLUMNS)}, separated by commas; needed: {', '.join(needed)}."
    unknown = [column for column in columns if column not in _COLUMNS]
    if unknown:
        raise DataError(f"{manifest}:1: unknown columns {', '.join(map(repr, unknown))[:200]}. {known}")
    missing = [column for column in needed if column not in columns]
    if missing:
        raise DataError(f"{manifest}:1: there is no column {missing[0]!r}. {known}")
    if len(set(columns)) < len(columns):
        raise DataError(f"{manifest}:1: a column occurs twice: {', '.join(columns)}.")
    if 0 < len(set(_CORNERS) & set(columns)) < len(_CORNERS):
        raise DataError(f"{manifest}:1: a box needs all of {', '.join(_CORNERS)}; found {', '.join(columns)}.")
    if "role" in columns and "split" not in columns:
        raise DataError(f"{manifest}:1: roles are for test images; add the column 'split', which says which these are.")


def _entry(where: str, root: str, columns: Sequence[str], row: Sequence[str], labelled: bool) -> Entry:
    if len(row) != len(columns):
        raise DataError(f"{where}: expected {len(columns)} values ({', '.join(columns)}); found {len(row)}.")
    values = dict(zip(columns, row))
    split = _one_of(where, "split", values.get("split", "train"), _SPLITS)
    labelled = labelled or split != TRAIN
    for column in _NEEDED if labelled else _NEEDED[:1]:
        if not values.get(column):
            raise DataError(f"{where}: the {column} is empty.")
    role = _one_of(where, "role", values.get("role", ""), _ROLES)
    if role and split != TEST:
        raise DataError(f"{where}: only test images are query or gallery; this one is in {split!r}.")
    path = _path(where, root, values["path"])
    return Entry(path, values["label"] if labelled else path, split, role, _box(where, values))


def _one_of(where: str, column: str, value: str, known: dict[str, str]) -> str:
    if value not in known:
        raise DataError(f"{where}: {column} should be one of {', '.join(filter(None, known))}; found {value!r}.")
    return known[value]


def _path(where: str, root: str, path: str) -> str:
    """A path relative to the root, in one spelling, so that no image occurs twice unnoticed."""
    absolute = os.path.isabs(path)
    inside = posixpath.normpath(os.path.relpath(path, os.path.abspath(root)) if absolute else path)
    if "\\" in inside and not os.path.exists(os.path.join(root, inside)):
        raise DataError(f"{where}: there is no file {path!r}. If \\ separates folders there, write / in its place.")
    if not is_inside(inside):
        raise DataError(f"{where}: {path!r} is not below {root!r}; pass --data_dir, where all images are.")
    return inside


def _box(where: str, values: dict[str, str]) -> Box | None:
    corners = [values.get(corner, "") for corner in _CORNERS]
    if not any(corners):
        return None
    try:
        return outward(*map(number, corners))
    except ValueError as error:
        raise DataError(f"{where}: a box is four numbers ({', '.join(_CORNERS)}); found {corners}.") from error
