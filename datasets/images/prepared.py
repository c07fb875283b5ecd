"""Image files of which large ones are reduced once, and the reduced copies kept in memory or on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import zlib

import numpy as np
import tensorflow as tf

from datasets.files import written_whole
from datasets.images.decoding import open_image
from datasets.images.image import BoxedImage, Image
from datasets.images.reduction import reduced
from datasets.images.sources import ImageFiles

# Part of every key: to be raised when reduced copies change.
_VERSION = 1
_CHECKSUM_BYTES = 4


class PreparedFiles:
    """Image files as ``ImageFiles`` has them, but large ones as reduced copies; see ``reduction.reduced``.

    An image is its reduced copy from the first time on, so pixels do not depend on what has been kept. A file with
    another size or time of change, another box or another need is another image.

    Args:
      files: the originals.
      needed: pixels of the shorter side that are needed.
      folder: where copies are kept, for other runs too; None keeps them in memory.
    """

    def __init__(self, files: ImageFiles, needed: int, folder: pathlib.Path | None = None):
        self._files, self._needed = files, needed
        self._copies = _CopiesOnDisk(folder) if folder else {}
        self._small: set[str] = set()
        self.paths, self.channels = files.paths, files.channels

    def __len__(self) -> int:
        return len(self._files)

    def open(self, index: tf.Tensor) -> Image:
        """One of the images, or what its box shows of it."""
        contents, is_copy = tf.numpy_function(self._contents, [index], [tf.string, tf.bool])
        image = open_image(tf.ensure_shape(contents, []), self.channels)
        if self._files.boxes is None:
            return image
        everything = tf.concat([[0, 0], image.size[::-1]], 0)
        box = tf.gather(tf.constant(self._files.boxes), index)
        return BoxedImage(image, tf.where(tf.ensure_shape(is_copy, []), everything, box))

    def _contents(self, index: np.ndarray) -> tuple[bytes, np.bool_]:
        """The bytes of the copy, or of the original if it is small or cannot be read; and which of the two."""
        path, boxes = str(self._files.names[index]), self._files.boxes
        box, status = None if boxes is None else boxes[index], os.stat(path)
        about = [os.path.abspath(path), status.st_size, status.st_mtime_ns, self._needed, _VERSION]
        key = hashlib.sha256(json.dumps([*about, None if box is None else box.tolist()]).encode()).hexdigest()
        copy = None if key in self._small else self._copies.get(key)
        if copy is None:
            original = pathlib.Path(path).read_bytes()
            copy = None if key in self._small else reduced(original, box, self._needed)
            if copy is None:
                self._small.add(key)
                return original, np.False_
            self._copies[key] = copy
        return copy, np.True_


class _CopiesOnDisk:
    """Files by key, each with a checksum at its end; those that are damaged are as good as none."""

    def __init__(self, folder: pathlib.Path):
        self._folder = folder

    def get(self, key: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            data = self._path(key).read_bytes()
            contents, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
            if _checksum(contents) == checksum:
                return contents
        return None

    def __setitem__(self, key: str, contents: bytes) -> None:
        self._path(key).parent.mkdir(parents=True, exist_ok=True)
        with written_whole(self._path(key)) as file:
            file.write_bytes(contents + _checksum(contents))

    def _path(self, key: str) -> pathlib.Path:
        return self._folder / key[:2] / key


def _checksum(contents: bytes) -> bytes:
    return zlib.crc32(contents).to_bytes(_CHECKSUM_BYTES, "big")
