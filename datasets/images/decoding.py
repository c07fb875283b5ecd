"""Image files: opened, so that their size is known, and then read, all of it or a window, in TensorFlow operations."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from datasets.images import headers, jpeg
from datasets.images.exif import (
    UPRIGHT,
    jpeg_orientation,
    png_orientation,
    stored_window,
    upright,
    upright_size,
)
from datasets.images.headers import checked
from datasets.images.pillow import decode_with_pillow
from datasets.images.refusal import refuse_unless
from datasets.images.windows import Window, cut

# ITU-R 601, as Pillow's mode L; grey stays exactly what it is.
_LUMA = (0.299, 0.587, 0.114)

_DECODED = 0  # In the place of an orientation.


class EncodedImage(NamedTuple):
    """An image file of known size, as it is displayed; see ``open_image``.

    Attributes:
      contents: [] string, the bytes of the file.
      size: [2] int32 height and width.
      orientation: [] int32 Exif orientation of a JPEG file that is still to be decoded; 0 if ``pixels`` are there.
      pixels: [height, width, 3] uint8 of a format that is decoded as a whole; otherwise none.
      channels: 1 for luma, or 3 for red, green and blue.
      served: see ``open_image``.
    """

    contents: tf.Tensor
    size: tf.Tensor
    orientation: tf.Tensor
    pixels: tf.Tensor
    channels: int
    served: bool

    def read(self, window: Window, at_least: tf.Tensor | None = None) -> tf.Tensor:
        """The pixels of a window, [rows, columns, channels] uint8: exactly those of the whole image.

        Args:
          window: of the image.
          at_least: [2] int32 rows and columns that are enough. A JPEG file is decoded at 1/2, 1/4 or 1/8 of its
            resolution, whichever is the lowest that has them.

        Raises (as the graph is run):
          tf.errors.InvalidArgumentError: the file is damaged, or the window is not inside the image.
        """
        scale = tf.constant(0) if at_least is None else jpeg.scale_for(window, at_least)

        def read_plain():
            return jpeg.decode_window(self.contents, self.size, window)

        def read_others():
            return tf.cond(
                self.orientation == _DECODED, lambda: cut(self.pixels, window), lambda: self._read_scaled(window, scale)
            )

        is_plain = (self.orientation == UPRIGHT) & (scale == 0)
        pixels = tf.cond(is_plain, read_plain, _rare(read_others, self.served))
        pixels = tf.ensure_shape(pixels, [None, None, 3])
        return pixels if self.channels == 3 else _luma(pixels)

    def _read_scaled(self, window: Window, scale: tf.Tensor) -> tf.Tensor:
        size = upright_size(self.size, self.orientation)
        stored = stored_window(window, self.size, self.orientation)
        branches = [functools.partial(jpeg.decode_window, self.contents, size, stored, r) for r in jpeg.RATIOS]
        return upright(tf.switch_case(scale, branches), self.orientation)


def open_image(contents: tf.Tensor, channels: int = 3, served: bool = False) -> EncodedImage:
    """Opens an image file: finds its size as displayed, turned upright where its Exif data says so.

    Of a JPEG file only the windows that are read are decoded, other formats as a whole. Transparency is dropped:
    the colours are those that the file holds. Of 16 bits the upper 8 are kept, of several frames the first.
    Nothing is decoded before the header has shown that the image is no larger than ``headers.MAX_PIXELS``.

    A file that is cut off is refused whatever the window. Damage further inside is noticed where the format has
    checksums (PNG), but in a JPEG file, which has none, only if it makes no sense.

    Args:
      contents: [] string, the bytes of the file.
      channels: 1 for luma, or 3 for red, green and blue.
      served: for a graph that runs without Python: what is neither JPEG nor PNG is refused instead of being
        decoded by Pillow.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: the file is no image of these formats, damaged or too large;
        ``refusal.reason`` makes a sentence of it.
    """
    head = headers.head_of(contents)

    def open_plain():
        return _not_yet_decoded(_jpeg_size(contents), tf.constant(UPRIGHT))

    def open_others():
        return tf.switch_case(
            headers.format_of(head),
            {
                headers.JPEG: lambda: _open_jpeg(contents),
                headers.PNG: lambda: _open_png(contents, head),
                headers.OTHER: _refused if served else lambda: _decoded(decode_with_pillow(contents)),
            },
        )

    # Most files by far are plain JPEG; they get by with few operations.
    is_plain = headers.is_plain_jpeg(head) & jpeg.is_complete(contents)
    size, orientation, pixels = tf.cond(is_plain, open_plain, _rare(open_others, served))
    return EncodedImage(contents, size, orientation, tf.ensure_shape(pixels, [None, None, 3]), channels, served)


# Size, orientation and pixels, as in ``EncodedImage``.
_Opened = tuple[tf.Tensor, tf.Tensor, tf.Tensor]


def _rare(branch: Callable, served: bool) -> Callable:
    """A branch of a condition that costs nothing where it is not taken.

    TensorFlow flattens conditions, and visits all operations of branches that are not taken, too: here they would
    cost a third of what decoding a photograph does. In a separate function they do not; but TensorFlow 2.15 keeps a
    kilobyte for good of every file that is refused in one, too much for a server that runs for months.
    """
    if served or tf.executing_eagerly():
        return branch
    return tf.function(branch, autograph=False, experimental_attributes={"_noinline": True})


def _jpeg_size(contents: tf.Tensor) -> tf.Tensor:
    return checked(tf.image.extract_jpeg_shape(contents)[:2])


def _open_jpeg(contents: tf.Tensor) -> _Opened:
    stored_size, orientation = _jpeg_size(contents), jpeg_orientation(contents)

    def open_whole() -> _Opened:
        # A file that is cut off would be refused or not, depending on the window; decoding all of it shows it.
        with tf.control_dependencies([stored_size]):
            return _decoded(upright(jpeg.decode(contents), orientation))

    size = upright_size(stored_size, orientation)
    return tf.cond(jpeg.is_complete(contents), lambda: _not_yet_decoded(size, orientation), open_whole)


def _open_png(contents: tf.Tensor, head: tf.Tensor) -> _Opened:
    with tf.control_dependencies([checked(headers.png_size(head))]):
        return _decoded(upright(tf.io.decode_png(contents, channels=3), png_orientation(contents)))


def _refused() -> _Opened:
    with tf.control_dependencies(refuse_unless(tf.constant(False), ["The file is no JPEG or PNG image"])):
        return _decoded(tf.zeros([0, 0, 3], tf.uint8))


def _not_yet_decoded(size: tf.Tensor, orientation: tf.Tensor) -> _Opened:
    return size, orientation, tf.zeros([0, 0, 3], tf.uint8)


def _decoded(pixels: tf.Tensor) -> _Opened:
    return tf.shape(pixels)[:2], tf.constant(_DECODED), pixels


def _luma(pixels: tf.Tensor) -> tf.Tensor:
    luma = tf.tensordot(tf.cast(pixels, tf.float32), tf.constant(_LUMA), 1)
    return tf.cast(tf.round(luma), tf.uint8)[..., tf.newaxis]
