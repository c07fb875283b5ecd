"""What the first bytes of an image file say: its format, and its size before anything is decoded."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from datasets.images.refusal import refuse_unless

# Larger than any photograph of a data set; three bytes each, they fit into the memory of a worker.
MAX_PIXELS = 100_000_000

# The formats, in ``format_of``.
JPEG, PNG, OTHER = range(3)

_HEAD = 24
_JPEG = b"\xff\xd8\xff"
_PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"


def head_of(contents: tf.Tensor) -> tf.Tensor:
    """The first bytes of a file, [24] uint8; zeros where it is shorter."""
    return tf.io.decode_raw(contents, tf.uint8, fixed_length=_HEAD)


def is_plain_jpeg(head: tf.Tensor) -> tf.Tensor:
    """Whether a file's head is that of a JPEG file without an Exif orientation, as most are."""
    # One JFIF segment, and after it quantisation tables.
    return _starts_with(head, b"\xff\xd8\xff\xe0\x00\x10JFIF\x00") & _starts_with(head[20:], b"\xff\xdb")


def format_of(head: tf.Tensor) -> tf.Tensor:
    """The format that a file's head shows, [] int32: ``JPEG``, ``PNG`` or ``OTHER``."""
    return tf.where(_starts_with(head, _JPEG), JPEG, tf.where(_starts_with(head, _PNG), PNG, OTHER))


def png_size(head: tf.Tensor) -> tf.Tensor:
    """[2] int64 height and width of a PNG file."""
    return tf.stack([number(head[20:24]), number(head[16:20])])


def checked(size: tf.Tensor) -> tf.Tensor:
    """An image's height and width as [2] int32, if there are neither none nor too many pixels.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: there are none, or more than ``MAX_PIXELS``.
    """
    num_pixels = tf.reduce_prod(tf.cast(size, tf.int64))
    check = refuse_unless(
        (num_pixels > 0) & (num_pixels <= MAX_PIXELS),
        [f"The image should have from 1 to {MAX_PIXELS:,} pixels; by its header, height and width are", size],
    )
    with tf.control_dependencies(check):
        return tf.identity(tf.cast(size, tf.int32))  # A cast to the same type would depend on nothing.


def number(digits: tf.Tensor) -> tf.Tensor:
    """The [] int64 that up to four bytes spell, the highest one first."""
    return tf.reduce_sum(tf.cast(digits, tf.int64) * 256 ** np.arange(digits.shape[0], dtype=np.int64)[::-1])


def _starts_with(head: tf.Tensor, signature: bytes) -> tf.Tensor:
    return tf.reduce_all(head[: len(signature)] == np.frombuffer(signature, np.uint8))
