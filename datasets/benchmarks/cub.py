"""CUB-200-2011: birds (Wah et al., Caltech 2011)."""

from __future__ import annotations

import os

from datasets.benchmarks.annotations import outward, read_table
from datasets.manifest import TEST, TRAIN, Counts, Entry, Manifest, assemble
from datasets.settings import DataSettings
from datasets.text_files import find

EXPECTED = {"train": Counts(5864, 100), "test": Counts(5924, 100)}
_TRAIN_CLASSES = range(1, 101)
_CLASSES = range(1, 201)


def load(settings: DataSettings) -> Manifest:
    """Classes 1–100 to train on and 101–200 for test; the official split, within classes, is not used.

    Args:
      settings: ``data_dir`` is the directory ``CUB_200_2011``, or its parent.

    Raises:
      DataError: an annotation file is missing, or is not of its form.
    """
    data_dir = settings.data_dir
    root = os.path.dirname(find("cub", data_dir, "CUB_200_2011/images.txt", "images.txt"))
    images = read_table(find("cub", root, "images.txt"), ("image_id", "path"), path_column="path")
    labels = read_table(find("cub", root, "image_class_labels.txt"), ("image_id", "class_id"))
    boxes = read_table(find("cub", root, "bounding_boxes.txt"), ("image_id", "x", "y", "width", "height"))
    label_rows, box_rows = labels.rows_like(images, "image_id"), boxes.rows_like(images, "image_id")
    paths, class_ids = images.paths("path"), labels.class_numbers("class_id", _CLASSES)
    class_of = [class_ids[row] for row in label_rows]
    x, y, width, height = (boxes.numbers(name) for name in ("x", "y", "width", "height"))
    names = _names(root, dict(zip(reversed(class_of), reversed(paths))))
    entries = [
        Entry(
            path=f"images/{path}",
            class_name=names[class_id],
            split=TRAIN if class_id in _TRAIN_CLASSES else TEST,
            box=outward(x[row], y[row], x[row] + width[row], y[row] + height[row]),
        )
        for path, class_id, row in zip(paths, class_of, box_rows)
    ]
    return assemble("cub", root, entries, [names[class_id] for class_id in sorted(names)])


def _names(root: str, first_paths: dict[int, str]) -> dict[int, str]:
    """Class names by number, out of ``classes.txt`` or else what the folders of images are called."""
    names = {class_id: os.path.dirname(path) for class_id, path in first_paths.items()}
    path = os.path.join(root, "classes.txt")
    if os.path.isfile(path):
        classes = read_table(path, ("class_id", "name"), path_column="name")
        classes.rows_by("class_id")
        listed = dict(zip(classes.whole_numbers("class_id"), classes.columns["name"]))
        names = {class_id: listed.get(class_id, name) for class_id, name in names.items()}
    return names
