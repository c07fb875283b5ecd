"""Evaluation images kept for the next pass over them, bit for bit."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from datasets.input.pipelines import EvaluationImages

NONE, MEMORY, DISK = PLACES = ("none", "memory", "disk")


class ImagesKeptInMemory:
    """The images of the first pass, kept.

    Args:
      images: to be kept; 4 · size² · channels bytes each.
    """

    def __init__(self, images: EvaluationImages):
        self.examples = images.examples
        self._images = images
        self._kept: list[tuple[np.ndarray, tf.Tensor]] | None = None

    def __iter__(self) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
        """As ``EvaluationImages``."""
        if self._kept is not None:
            yield from self._kept
            return
        kept = []
        for row in self._images:
            kept.append(row)
            yield row
        self._kept = kept


class ImagesKeptOnDisk:
    """The images of the first pass, kept in a file; a first pass that was cut off leaves none.

    The file is used again only as long as the image files are the same, by name, size and time of change.

    Args:
      images: to be kept; 4 · size² · channels bytes each.
      folder: where to; is made.
    """

    def __init__(self, images: EvaluationImages, folder: pathlib.Path):
        self.examples = images.examples
        self._images = images
        self._pixels, self._about = folder / "images.float32", folder / "images.json"

    def __iter__(self) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
        """As ``EvaluationImages``."""
        fingerprint = self._fingerprint()
        about = self._read_about(fingerprint)
        if about is None:
            yield from self._first_pass(fingerprint)
            return
        pixels = np.memmap(self._pixels, np.float32, mode="r").reshape(-1, *about["shape"])
        begin = 0
        for row in about["rows"]:
            yield np.array(row, np.int64), tf.constant(pixels[begin : begin + len(row)])
            begin += len(row)

    def _read_about(self, fingerprint: str) -> dict | None:
        """What is kept, if it is whole and of these images."""
        try:
            about = json.loads(self._about.read_text())
            num_images = sum(map(len, about["rows"]))
            size = num_images * int(np.prod(about["shape"])) * np.dtype(np.float32).itemsize
            whole = about["fingerprint"] == fingerprint and self._pixels.stat().st_size == size
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return about if whole else None

    def _first_pass(self, fingerprint: str) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
        self._about.parent.mkdir(parents=True, exist_ok=True)
        self._about.unlink(missing_ok=True)
        rows: list[list[int]] = []
        shape: list[int] = []
        with open(self._pixels, "wb") as file:
            for indices, images in self._images:
                file.write(images.numpy().tobytes())
                rows.append(indices.tolist())
                shape = images.shape[1:].as_list()
                yield indices, images
            file.flush()
            os.fsync(file.fileno())
        unfinished = self._about.with_suffix(".new")
        unfinished.write_text(json.dumps({"fingerprint": fingerprint, "shape": shape, "rows": rows}))
        os.replace(unfinished, self._about)

    def _fingerprint(self) -> str:
        boxes = self.examples.images.boxes
        digest = hashlib.sha256(repr(self._images.format).encode())
        digest.update(b"" if boxes is None else boxes.tobytes())
        for name in self.examples.images.names:
            digest.update(os.fsencode(name))
            if os.path.exists(name):
                status = os.stat(name)
                digest.update(f"{status.st_size} {status.st_mtime_ns}".encode())
        return digest.hexdigest()
