"""Stanford Online Products (Song et al., CVPR 2016)."""

from __future__ import annotations

import os
import posixpath

from datasets.benchmarks.annotations import read_table
from datasets.manifest import TEST, TRAIN, Counts, Entry, Manifest, assemble
from datasets.settings import DataSettings
from datasets.text_files import find

EXPECTED = {"train": Counts(59551, 11318), "test": Counts(60502, 11316)}
_COLUMNS = ("image_id", "class_id", "super_class_id", "path")


def load(settings: DataSettings) -> Manifest:
    """The products of ``Ebay_train.txt`` to train on and those of ``Ebay_test.txt`` for test.

    A class is named by its folder and its number, as ``bicycle_final/1``.

    Args:
      settings: ``data_dir`` is the directory ``Stanford_Online_Products``, or its parent.

    Raises:
      DataError: an annotation file is missing, or is not of its form.
    """
    data_dir = settings.data_dir
    root = os.path.dirname(find("sop", data_dir, "Stanford_Online_Products/Ebay_train.txt", "Ebay_train.txt"))
    names: dict[int, str] = {}
    entries: list[Entry] = []
    for split, file in ((TRAIN, "Ebay_train.txt"), (TEST, "Ebay_test.txt")):
        table = read_table(find("sop", root, file), _COLUMNS, path_column="path", header=True)
        table.rows_by("image_id")
        for path, class_id in zip(table.paths("path"), table.whole_numbers("class_id")):
            name = names.setdefault(class_id, f"{posixpath.dirname(path)}/{class_id}")
            entries.append(Entry(path, name, split))
    return assemble("sop", root, entries, [names[class_id] for class_id in sorted(names)])
