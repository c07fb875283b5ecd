"""Images of which any window can be read, wherever the pixels come from."""

from __future__ import annotations

from typing import Protocol

import tensorflow as tf

from datasets.images.windows import Window, box_window, cut, whole


class Image(Protocol):
    """An image of known size."""

    @property
    def size(self) -> tf.Tensor:
        """[2] int32 height and width."""

    def read(self, window: Window, at_least: tf.Tensor | None = None) -> tf.Tensor:
        """The pixels of a window.

        Args:
          window: of the image.
          at_least: [2] int32 rows and columns that are enough: it may be read at a lower resolution that has them.

        Returns:
          [rows, columns, channels] uint8 (or float), from 0 to 255.
        """


def read_all(image: Image) -> tf.Tensor:
    """All pixels of an image, [height, width, channels] uint8 (or float), from 0 to 255."""
    return image.read(whole(image.size))


class DecodedImage:
    """An image whose pixels are in memory.

    Args:
      pixels: [height, width, channels] uint8 (or float), from 0 to 255.
    """

    def __init__(self, pixels: tf.Tensor):
        self._pixels, self.size = pixels, tf.shape(pixels)[:2]

    def read(self, window: Window, at_least: tf.Tensor | None = None) -> tf.Tensor:
        """See ``Image``; always at the full resolution."""
        return cut(self._pixels, window)


class BoxedImage:
    """What a box shows of an image, as if that were all there is.

    Args:
      image: the image.
      box: [4] int32 left, top, right, bottom; what is outside the image is cut off.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: the box holds no pixel of the image.
    """

    def __init__(self, image: Image, box: tf.Tensor):
        self._image, self._box = image, box_window(image.size, box)
        self.size = self._box.size

    def read(self, window: Window, at_least: tf.Tensor | None = None) -> tf.Tensor:
        """See ``Image``."""
        return self._image.read(Window(self._box.begin + window.begin, window.size), at_least)
