"""The benchmarks in their layouts on disk.

A builder takes a folder and fills it; images are spread over classes as evenly as possible. ``counts`` gives
(images, classes) of each split where they should not be the published ones.
"""

from __future__ import annotations

import os
import pathlib
import unittest
from unittest import mock

import numpy as np
from scipy.io import savemat

from datasets.manifest import Manifest
from datasets.registry import DATA_SETS
from datasets.settings import DataSettings
from tests.support import pictures

# The published numbers, written out a second time on purpose.
CUB = ((5864, 100), (5924, 100))
CARS = ((8054, 98), (8131, 98))
SOP = ((59551, 11318), (60502, 11316))
INSHOP = ((25882, 3997), (14218, 3985), (12612, 3985))

_SUPER_CLASSES = (
    *("bicycle", "cabinet", "chair", "coffee_maker", "fan", "kettle"),
    *("lamp", "mug", "sofa", "stapler", "table", "toaster"),
)
_SHOPS = ("MEN/Denim", "MEN/Shirts_Polos", "WOMEN/Dresses", "WOMEN/Tees_Tanks")


def load(name: str, data_dir: str | os.PathLike = "", **settings) -> Manifest:
    """A data set's manifest as its annotations have it, not checked."""
    return DATA_SETS[name].load(DataSettings(dataset=name, data_dir=str(data_dir), **settings))


def full(test: unittest.TestCase, name: str) -> pathlib.Path:
    """A benchmark's annotations at full size, without the images."""
    folder = pictures.folder_for(test)
    with mock.patch(f"{__name__}.put_images"):
        BUILDERS[name](folder)
    return folder


def class_ids(images: int, classes: int, first: int = 1) -> list[int]:
    """The class of each image, in class order: sizes differ by one at most."""
    return [first + index * classes // images for index in range(images)]


def put_images(root: pathlib.Path, paths: list[str]) -> None:
    """Writes the same small JPEG file to each path."""
    contents = pictures.file_of(pictures.photograph().resize((40, 30)), "JPEG", quality=20)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(contents)


def cub(root: pathlib.Path, counts=CUB) -> list[str]:
    """``CUB_200_2011``; gives the images' paths."""
    folder = root / "CUB_200_2011"
    folder.mkdir()
    ids = [class_id for count, first in zip(counts, (1, 101)) for class_id in class_ids(*count, first)]
    names = {class_id: f"{class_id:03d}.Bird_{class_id}" for class_id in ids}
    paths = [f"{names[class_id]}/Bird_{index:05d}.jpg" for index, class_id in enumerate(ids)]
    _write(folder / "images.txt", [f"{index + 1} {path}" for index, path in enumerate(paths)])
    _write(folder / "image_class_labels.txt", [f"{index + 1} {class_id}" for index, class_id in enumerate(ids)])
    _write(folder / "classes.txt", [f"{class_id} {name}" for class_id, name in names.items()])
    _write(folder / "bounding_boxes.txt", [f"{index + 1} 2.0 3.0 {5.0 + index % 7} 6.0" for index in range(len(ids))])
    put_images(folder / "images", paths)
    return paths


def cars(root: pathlib.Path, counts=CARS) -> list[str]:
    """``cars_annos.mat`` and ``car_ims``."""
    ids = _car_ids(counts)
    paths = [f"car_ims/{index + 1:06d}.jpg" for index in range(len(ids))]
    _write_structs(root / "cars_annos.mat", "relative_im_path", paths, ids)
    put_images(root, paths)
    return paths


def cars_devkit(root: pathlib.Path, counts=CARS) -> list[str]:
    """The development kit and ``cars_train`` and ``cars_test``, each with some images of every class."""
    ids = _car_ids(counts)
    (root / "devkit").mkdir()
    first, second = ids[::2], ids[1::2]
    files = [[f"{index + 1:05d}.jpg" for index in range(len(half))] for half in (first, second)]
    _write_structs(root / "devkit/cars_train_annos.mat", "fname", files[0], first)
    _write_structs(root / "cars_test_annos_withlabels.mat", "fname", files[1], second)
    savemat(root / "devkit/cars_meta.mat", {"class_names": _car_names()})
    paths = [f"{folder}/{name}" for folder, names in zip(("cars_train", "cars_test"), files) for name in names]
    put_images(root, paths)
    return paths


def sop(root: pathlib.Path, counts=SOP) -> list[str]:
    """``Stanford_Online_Products``."""
    folder = root / "Stanford_Online_Products"
    folder.mkdir()
    every, first_class = [], 1
    for name, (images, classes) in zip(("Ebay_train.txt", "Ebay_test.txt"), counts):
        lines = ["image_id class_id super_class_id path"]
        for class_id in class_ids(images, classes, first_class):
            super_class = class_id % 12
            every.append(f"{_SUPER_CLASSES[super_class]}_final/{110000000000 + class_id}_{len(every)}.JPG")
            lines.append(f"{len(every)} {class_id} {super_class + 1} {every[-1]}")
        _write(folder / name, lines)
        first_class += classes
    put_images(folder, every)
    return every


def inshop(root: pathlib.Path, counts=INSHOP) -> list[str]:
    """``Eval``, ``Anno`` and ``Img``."""
    for folder in ("Eval", "Anno", "Img"):
        (root / folder).mkdir()
    num_train_items = counts[0][1]
    paths, partition = [], []
    for status, count, first in zip(
        ("train", "query", "gallery"), counts, (1, 1 + num_train_items, 1 + num_train_items)
    ):
        for item in class_ids(*count, first):
            paths.append(f"img/{_SHOPS[item % 4]}/id_{item:08d}/{len(paths):06d}_front.jpg")
            partition.append(f"{paths[-1]:<70} id_{item:08d} {status}")
    _write(root / "Eval/list_eval_partition.txt", [str(len(paths)), "image_name item_id evaluation_status", *partition])
    boxes = [f"{path:<70} 1 2 003 004 {20 + index % 5:03d} 025" for index, path in enumerate(paths)]
    header = "image_name clothes_type pose_type x_1 y_1 x_2 y_2"
    # In another order than the partition, as the real ones are.
    _write(root / "Anno/list_bbox_inshop.txt", [str(len(paths)), header, *reversed(boxes)])
    put_images(root / "Img", paths)
    return [f"Img/{path}" for path in paths]


def change(path: pathlib.Path, old: str, new: str) -> None:
    """Replaces a text that occurs in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{old!r} is not in {path}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def _write(path: pathlib.Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _car_ids(counts) -> list[int]:
    return [class_id for count, first in zip(counts, (1, 99)) for class_id in class_ids(*count, first)]


def _car_names() -> np.ndarray:
    return np.array([f"Car {number} 2012" for number in range(1, 197)], object).reshape(1, -1)


def _write_structs(path: pathlib.Path, name: str, files: list[str], ids: list[int]) -> None:
    """A struct array [1, num_images] as MATLAB writes it, of 8- and 16-bit numbers."""
    fields = [name, "bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "test"]
    structs = np.empty((1, len(ids)), [(field, object) for field in fields])
    for index, (file, class_id) in enumerate(zip(files, ids)):
        corners = (np.uint16(3), np.uint8(4), np.uint16(20 + index % 5), np.uint8(25))
        structs[0, index] = (file, *corners, np.uint8(class_id), np.uint8(index % 2))
    variables = {"annotations": structs}
    if name == "relative_im_path":
        variables["class_names"] = _car_names()
    savemat(path, variables, do_compression=True)


BUILDERS = {"cub": cub, "cars": cars, "cars_devkit": cars_devkit, "sop": sop, "inshop": inshop}
