"""Cars196 (Krause et al., 3dRR 2013), in both forms in which it is distributed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from datasets.benchmarks.annotations import outward
from datasets.benchmarks.matlab import read_structs, read_texts
from datasets.manifest import TEST, TRAIN, Box, Counts, Entry, Manifest, assemble
from datasets.settings import DataSettings
from datasets.text_files import find

EXPECTED = {"train": Counts(8054, 98), "test": Counts(8131, 98)}
_CLASSES = range(1, 197)
_TRAIN_CLASSES = range(1, 99)
_FOLDERS = ("", "devkit", "car_devkit/devkit")
_ALL = "cars_annos.mat"
_FIRST_HALF = "cars_train_annos.mat"
_SECOND_HALF = "cars_test_annos_withlabels.mat"
_META = "cars_meta.mat"


def load(settings: DataSettings) -> Manifest:
    """Classes 1–98 to train on and 99–196 for test; the official split, within classes, is not used.

    Either ``cars_annos.mat`` with all images in ``car_ims``, or the development kit's pair of files with images
    in ``cars_train`` and ``cars_test``: the same classes and the same cut. A class is called by its number and
    name, as ``001.AM General Hummer SUV 2000``, or by its number alone where no file gives its name.

    Args:
      settings: ``data_dir`` is the directory of images; annotations are there, in ``devkit`` or in
        ``car_devkit/devkit``.

    Raises:
      DataError: an annotation file is missing, or is not of its form.
    """
    data_dir = settings.data_dir
    if _is_pair(data_dir):
        files = {"cars_train/": _find(data_dir, _FIRST_HALF), "cars_test/": _find(data_dir, _SECOND_HALF)}
        meta = _META
    else:
        files, meta = {"": _find(data_dir, _ALL)}, _ALL
    names = read_texts(_find(data_dir, meta), "class_names") if _is_there(data_dir, meta) else []
    examples = [example for folder, path in files.items() for example in _examples(folder, path)]
    entries = [
        Entry(path, _name(number, names), TRAIN if number in _TRAIN_CLASSES else TEST, box=box)
        for path, number, box in examples
    ]
    numbers = sorted({number for _, number, _ in examples})
    return assemble("cars196", data_dir, entries, [_name(number, names) for number in numbers])


def _is_pair(data_dir: str) -> bool:
    """Whether it is the development kit's form; where both are there, the one whose images are."""
    pair = [_is_there(data_dir, name) for name in (_FIRST_HALF, _SECOND_HALF)]
    if not _is_there(data_dir, _ALL):
        return any(pair)
    return all(pair) and not os.path.isdir(os.path.join(data_dir, "car_ims"))


def _find(data_dir: str, name: str) -> str:
    return find("cars196", data_dir, *(os.path.join(folder, name) for folder in _FOLDERS))


def _is_there(data_dir: str, name: str) -> bool:
    return any(os.path.isfile(os.path.join(data_dir, folder, name)) for folder in _FOLDERS)


def _name(number: int, names: Sequence[str]) -> str:
    # With its number, so that no two classes can share a name.
    return f"{number:03d}.{names[number - 1]}" if number <= len(names) else f"{number:03d}"


def _examples(folder: str, path: str) -> Iterator[tuple[str, int, Box]]:
    """Path, class number and box of each image of one file."""
    name = "fname" if folder else "relative_im_path"
    corners = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
    structs = read_structs(path, "annotations", (name, "class", *corners))
    # Corners are counted from 1, and the second one is the last pixel inside.
    boxes = (outward(x1 - 1, y1 - 1, x2, y2) for x1, y1, x2, y2 in zip(*map(structs.numbers, corners)))
    return zip((folder + image for image in structs.paths(name)), structs.class_numbers("class", _CLASSES), boxes)
