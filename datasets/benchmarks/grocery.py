"""Grocery Store: fruit, vegetables and packages on shelves (Klasson, Zhang and Kjellström, WACV 2019; MIT licence)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from datasets.benchmarks.annotations import Table
from datasets.manifest import TEST, TRAIN, Counts, Entry, Manifest, assemble
from datasets.settings import DataSettings
from datasets.text_files import find, read_text

EXPECTED = {"train": Counts(3051, 41), "test": Counts(2370, 40)}
_FOLDERS = ("", "dataset", "GroceryStoreDataset/dataset", "GroceryStoreDataset-master/dataset")
_LISTS = ("train.txt", "val.txt", "test.txt")
_NUM_TRAIN_CLASSES = 41


def load(settings: DataSettings) -> Manifest:
    """The fine classes 0–40 to train on and 41–80 to evaluate on; the official split, within classes, is not used.

    Args:
      settings: ``data_dir`` is a clone of the repository, its ``dataset`` folder, or the clone's parent.

    Raises:
      DataError: a list is missing, or is not of its form.
    """
    root = os.path.dirname(
        find("grocery", settings.data_dir, *(os.path.join(folder, "train.txt") for folder in _FOLDERS))
    )
    classes = _table(find("grocery", root, "classes.csv"), ("name", "class_id"), header=True)
    classes.rows_by("class_id")
    names = dict(zip(classes.whole_numbers("class_id"), classes.columns["name"]))
    entries = []
    for file in _LISTS:
        images = _table(find("grocery", root, file), ("path", "class_id", "coarse_id"))
        for row, (path, class_id) in enumerate(zip(images.paths("path"), images.whole_numbers("class_id"))):
            if class_id not in names:
                raise images.error(row, f"class_id should be one of those in classes.csv; found {class_id}.")
            entries.append(Entry(path, names[class_id], TRAIN if class_id < _NUM_TRAIN_CLASSES else TEST))
    return assemble("grocery", root, entries, [names[class_id] for class_id in sorted(names)])


def _table(path: str, columns: Sequence[str], header: bool = False) -> Table:
    """The first columns of a file whose columns are separated by commas and a space, or commas alone."""
    table = Table(path, 1 + header, {})
    rows = [[field.strip() for field in line.split(",")] for line in read_text(path).rstrip().split("\n")[header:]]
    for row, fields in enumerate(rows):
        if len(fields) < len(columns) or not all(fields[: len(columns)]):
            raise table.error(row, f"expected {', '.join(columns)}; found {', '.join(fields)[:80]!r}.")
    return Table(path, 1 + header, dict(zip(columns, zip(*rows))) if rows else dict.fromkeys(columns, ()))
