"""The images of a data set: in memory, or in files on disk."""

from __future__ import annotations

import functools
import os

import numpy as np
import tensorflow as tf

from datasets.images.decoding import open_image
from datasets.images.image import BoxedImage, DecodedImage, Image
from datasets.manifest import DataError


class ImagesInMemory:
    """Images of one size.

    Args:
      pixels: [num_images, height, width, channels] uint8.
      names: [num_images] str, for messages.
    """

    def __init__(self, pixels: np.ndarray, names: np.ndarray):
        if pixels.ndim != 4 or pixels.dtype != np.uint8:
            raise DataError(
                f"Images must be [num_images, height, width, channels] uint8; got {pixels.shape} {pixels.dtype}."
            )
        self.pixels, self.names, self.paths = pixels, names, names
        self.channels = pixels.shape[-1]

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, indices: np.ndarray) -> ImagesInMemory:
        """Some of the images."""
        return ImagesInMemory(self.pixels[indices], self.names[indices])

    @functools.cached_property
    def _tensor(self) -> tf.Tensor:
        with tf.init_scope():  # Not a constant of the graph that happens to ask first.
            return tf.constant(self.pixels)

    def open(self, index: tf.Tensor) -> Image:
        """One of the images."""
        return DecodedImage(tf.gather(self._tensor, index))


class ImageFiles:
    """Image files of any size and format, in colour.

    Args:
      root: directory that the paths are relative to.
      paths: [num_images] str.
      boxes: [num_images, 4] int32 (left, top, right, bottom), to crop each image to; None for none.
    """

    channels = 3

    def __init__(self, root: str, paths: np.ndarray, boxes: np.ndarray | None = None):
        self._root, self.paths, self.boxes = root, paths, boxes

    def __len__(self) -> int:
        return len(self.paths)

    @functools.cached_property
    def names(self) -> np.ndarray:
        """[num_images] str: the files."""
        return np.array([os.path.join(self._root, path) for path in self.paths], object)

    def take(self, indices: np.ndarray) -> ImageFiles:
        """Some of the images."""
        return ImageFiles(self._root, self.paths[indices], None if self.boxes is None else self.boxes[indices])

    @functools.cached_property
    def _files(self) -> tf.Tensor:
        with tf.init_scope():  # Not a constant of the graph that happens to ask first.
            return tf.constant([os.fsencode(name) for name in self.names])

    def open(self, index: tf.Tensor) -> Image:
        """One of the images, or what its box shows of it."""
        image = open_image(tf.io.read_file(tf.gather(self._files, index)), self.channels)
        return image if self.boxes is None else BoxedImage(image, tf.gather(tf.constant(self.boxes), index))
