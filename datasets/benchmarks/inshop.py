"""In-Shop Clothes Retrieval of DeepFashion (Liu et al., CVPR 2016)."""

from __future__ import annotations

import os
from collections.abc import Sequence

from datasets.benchmarks.annotations import Table, outward, read_table
from datasets.manifest import GALLERY, QUERY, TEST, TRAIN, Box, Counts, Entry, Manifest, assemble
from datasets.settings import DataSettings
from datasets.text_files import find

EXPECTED = {"train": Counts(25882, 3997), "query": Counts(14218, 3985), "gallery": Counts(12612, 3985)}
_SPLITS = {"train": (TRAIN, ""), "query": (TEST, QUERY), "gallery": (TEST, GALLERY)}
_PARTITION = "list_eval_partition.txt"
_BOXES = "list_bbox_inshop.txt"


def load(settings: DataSettings) -> Manifest:
    """Items to train on, and others whose queries search their gallery.

    A box's corners are taken as where it begins and ends; their source does not say more. Without the file of
    boxes there are none.

    Args:
      settings: ``data_dir`` is the directory of ``Eval``, ``Anno`` and ``Img``; annotation files may be in it directly,
        and ``img`` as well as ``Img/img``.

    Raises:
      DataError: the partition is missing, or a file is not of its form.
    """
    data_dir = settings.data_dir
    path = find("inshop", data_dir, f"Eval/{_PARTITION}", _PARTITION)
    images = read_table(
        path, ("image_name", "item_id", "evaluation_status"), path_column="image_name", header=True, counted=True
    )
    paths, items, statuses = images.paths("image_name"), images.columns["item_id"], images.columns["evaluation_status"]
    for row, status in enumerate(statuses):
        if status not in _SPLITS:
            raise images.error(row, f"evaluation_status should be one of {', '.join(_SPLITS)}; found {status!r}.")
    folder = _image_folder(data_dir, paths)
    boxes = _boxes(data_dir, images) or [None] * len(paths)
    entries = [
        Entry(folder + path, item, *_SPLITS[status], box)
        for path, item, status, box in zip(paths, items, statuses, boxes)
    ]
    return assemble("inshop", data_dir, entries, sorted(set(items)))


def _image_folder(data_dir: str, paths: Sequence[str]) -> str:
    """What image names are relative to: ``Img/`` unless they are found in the data set's directory itself."""
    tops = {path.partition("/")[0] for path in paths}
    nested = any(os.path.isdir(os.path.join(data_dir, "Img", top)) for top in tops)
    direct = any(os.path.isdir(os.path.join(data_dir, top)) for top in tops)
    return "" if direct and not nested else "Img/"


def _boxes(data_dir: str, images: Table) -> list[Box] | None:
    """A box for each image, or None if there is no file of them."""
    path = next(
        (path for folder in ("Anno", "") if os.path.isfile(path := os.path.join(data_dir, folder, _BOXES))), None
    )
    if path is None:
        return None
    corners = ("x_1", "y_1", "x_2", "y_2")
    table = read_table(
        path, ("image_name", "clothes_type", "pose_type", *corners), path_column="image_name", header=True, counted=True
    )
    rows = table.rows_like(images, "image_name")
    boxes = [outward(*box) for box in zip(*(table.numbers(corner) for corner in corners))]
    return [boxes[row] for row in rows]
