"""A folder of photographs in classes, some of which cannot be read."""

from __future__ import annotations

import pathlib
import unittest
from collections.abc import Sequence
from unittest import mock

import numpy as np
import tensorflow as tf

from datasets.examples import Examples, split_examples
from datasets.images.image import DecodedImage
from datasets.manifest import Entry, assemble
from tests.support import pictures

OPEN_IMAGE = "datasets.images.sources.open_image"


def write(folder: pathlib.Path, num_classes: int, per_class: int, height: int = 40, width: int = 60) -> list[str]:
    """Writes ``c/i.jpg``: different parts of a photograph. Returns the paths, class by class."""
    photograph = pictures.photograph()
    paths = []
    for label in range(num_classes):
        (folder / str(label)).mkdir(parents=True)
        for i in range(per_class):
            left, top = 40 * label, 30 * i
            picture = photograph.crop((left, top, left + width, top + height))
            path = f"{label}/{i}.jpg"
            (folder / path).write_bytes(pictures.file_of(picture, "JPEG", quality=90))
            paths.append(path)
    return paths


def truncate(folder: pathlib.Path, paths: Sequence[str]) -> None:
    """Cuts files off half-way."""
    for path in paths:
        contents = (folder / path).read_bytes()
        (folder / path).write_bytes(contents[: len(contents) // 2])


def examples(folder: pathlib.Path, paths: Sequence[str]) -> Examples:
    """All of them as training examples; the class is the folder."""
    entries = [Entry(path, path.split("/")[0], "train") for path in paths]
    class_names = sorted({entry.class_name for entry in entries}, key=int)
    return split_examples(assemble("photographs", str(folder), entries, class_names), "train")


def open_jpeg(contents: tf.Tensor, channels: int) -> DecodedImage:
    """Replaces ``OPEN_IMAGE``; see ``decode_simply``."""
    return DecodedImage(tf.io.decode_jpeg(contents, channels, dct_method="INTEGER_ACCURATE"))


def decode_simply(test: unittest.TestCase | type[unittest.TestCase]) -> None:
    """Takes TensorFlow's JPEG operation alone during tests of something else: it is traced several times faster."""
    patch = mock.patch(OPEN_IMAGE, open_jpeg)
    patch.start()
    (test.addClassCleanup if isinstance(test, type) else test.addCleanup)(patch.stop)


def stacked(batches) -> np.ndarray:
    """All images of (indices, images) pairs."""
    return np.concatenate([images.numpy() for _, images in batches])
