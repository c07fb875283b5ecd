"""Image files with the same bytes, or the same pixels."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from datasets.images.image import read_all
from datasets.images.refusal import reason
from datasets.images.sources import ImageFiles
from datasets.progress import progress


def identical_files(files: Sequence[str]) -> list[list[int]]:
    """Indices of files with the same bytes, a list for each contents that occurs twice; of other sizes none is read."""
    by_size: dict[int, list[int]] = {}
    for index, file in enumerate(files):
        by_size.setdefault(os.stat(file).st_size, []).append(index)
    by_contents: dict[bytes, list[int]] = {}
    for indices in by_size.values():
        if len(indices) > 1:
            for index in indices:
                with open(files[index], "rb") as contents:
                    by_contents.setdefault(hashlib.sha256(contents.read()).digest(), []).append(index)
    return [indices for indices in by_contents.values() if len(indices) > 1]


def identical_pixels(files: Sequence[str]) -> tuple[list[list[int]], dict[str, str]]:
    """Indices of images with the same pixels, as they are displayed, a list for each that occurs twice.

    Args:
      files: of the images.

    Returns:
      The lists, and the reasons by file of those that cannot be read.
    """
    images = ImageFiles("", np.array(list(files), object))
    read = iter(tf.data.Dataset.range(len(files)).map(lambda i: read_all(images.open(i)), tf.data.AUTOTUNE))
    by_pixels: dict[bytes, list[int]] = {}
    unreadable = {}
    with progress("comparing pixels", len(files), "images") as advance:
        for index, file in enumerate(files):
            try:
                pixels = next(read).numpy()
                digest = hashlib.sha256(repr(pixels.shape).encode() + pixels.tobytes()).digest()
                by_pixels.setdefault(digest, []).append(index)
            except tf.errors.OpError as error:  # The next image follows.
                unreadable[file] = reason(error)
            advance(1)
    return [indices for indices in by_pixels.values() if len(indices) > 1], unreadable
