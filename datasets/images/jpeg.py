"""JPEG files, whole and windows of them."""

from __future__ import annotations

import tensorflow as tf

from datasets.images.windows import Window, cut

_END = b"\xff\xd9"
# As Pillow decodes: the same pixels to the bit.
_METHOD = "INTEGER_ACCURATE"
# What the sides of an image can be divided by in decoding: of each block of 8 × 8, as few frequencies are transformed.
RATIOS = (1, 2, 4, 8)


def is_complete(contents: tf.Tensor) -> tf.Tensor:
    """Whether a file ends with the marker of a JPEG file's end, so that nothing is cut off."""
    start = tf.maximum(tf.strings.length(contents) - 2, 0)
    return tf.strings.substr(contents, start, 2) == _END


def decode(contents: tf.Tensor) -> tf.Tensor:
    """All of a JPEG file, [height, width, 3] uint8; grey and CMYK become RGB.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: it is cut off or makes no sense.
    """
    return tf.io.decode_jpeg(contents, channels=3, dct_method=_METHOD)


def scale_for(window: Window, at_least: tf.Tensor) -> tf.Tensor:
    """The largest of ``RATIOS``, as [] int32 index, at which a window keeps ``at_least`` [2] int32 rows and columns."""
    sizes = window.size // tf.constant(RATIOS[1:])[:, tf.newaxis]
    return tf.reduce_sum(tf.cast(tf.reduce_all(sizes >= at_least, axis=1), tf.int32))


def decode_window(contents: tf.Tensor, size: tf.Tensor, window: Window, ratio: int = 1) -> tf.Tensor:
    """A window of a JPEG file, bit for bit as in the whole file; only the blocks that hold it are transformed.

    Most files store colour at half the width; the decoder interpolates it between neighbours, and at the sides of the
    requested region repeats the last one (differences of up to 20 levels were seen). So one more column is requested
    on either side; rows need none. Then nothing differs, in baseline and progressive files of all subsamplings, grey
    and CMYK (``tests.datasets.images.jpeg_test``).

    Args:
      contents: [] string.
      size: [2] int32 height and width of the image.
      window: within it. At a lower resolution it is widened to whole pixels.
      ratio: what sides are divided by, one of ``RATIOS``.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: it makes no sense as far as it was read, or the window is not within it.
    """
    if ratio > 1:
        begin, end = window.begin // ratio, -(-(window.begin + window.size) // ratio)
        size, window = -(-size // ratio), Window(begin, end - begin)
    (top, left), (rows, columns) = tf.unstack(window.begin), tf.unstack(window.size)
    first = tf.maximum(left - 1, 0)
    end = tf.minimum(left + columns + 1, size[1])
    wider = tf.image.decode_and_crop_jpeg(
        contents, tf.stack([top, first, rows, end - first]), channels=3, ratio=ratio, dct_method=_METHOD
    )
    return cut(wider, Window(tf.stack([0, left - first]), window.size))
