"""What the first bytes of an image file say: its format, and its size before anything is decoded."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from datasets.images.refusal import refuse_unless

# Larger than any photograph of a data set; three bytes each, they fit into the memory of a worker.
MAX_PIXELS = 100_000_000

JPEG, PNG, GIF, BMP, UNKNOWN = range(5)

_HEAD = 34
# By format, what is where in a file's head.
_SIGNATURES = (
    {0: b"\xff\xd8\xff"},
    {0: b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"},
    {0: b"GIF8", 5: b"a"},
    {0: b"BM"},
    {},
)
# One JFIF segment, and after it quantisation tables.
_PLAIN_JPEG = {0: b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", 20: b"\xff\xdb"}


def _table(signatures: Iterable[dict[int, bytes]]) -> tuple[np.ndarray, np.ndarray]:
    """[formats, bytes] uint8: which bits of a head to look at, and what they should be."""
    bits, expected = [], []
    for signature in signatures:
        bits.append(np.zeros([_HEAD], np.uint8))
        expected.append(np.zeros([_HEAD], np.uint8))
        for start, text in signature.items():
            bits[-1][start : start + len(text)] = 0xFF
            expected[-1][start : start + len(text)] = list(text)
    return np.stack(bits), np.stack(expected)


_BITS, _EXPECTED = _table(_SIGNATURES)
_PLAIN_BITS, _PLAIN_EXPECTED = _table([_PLAIN_JPEG])


def head_of(contents: tf.Tensor) -> tf.Tensor:
    """The first bytes of a file, [34] uint8; zeros where it is shorter."""
    return tf.io.decode_raw(contents, tf.uint8, fixed_length=_HEAD)


def is_plain_jpeg(head: tf.Tensor) -> tf.Tensor:
    """Whether a file's head is that of a JPEG file which says nothing about how to turn it, as most are."""
    return tf.reduce_all(tf.bitwise.bitwise_and(head, _PLAIN_BITS[0]) == _PLAIN_EXPECTED[0])


def format_of(head: tf.Tensor) -> tf.Tensor:
    """The first of the formats above that a file's head is of, [] int32."""
    matches = tf.reduce_all(tf.bitwise.bitwise_and(head, _BITS) == _EXPECTED, axis=1)
    return tf.argmax(tf.cast(matches, tf.uint8), output_type=tf.int32)


def png_size(head: tf.Tensor) -> tf.Tensor:
    """[2] int64 height and width of a PNG file."""
    return tf.stack([number(head[20:24]), number(head[16:20])])


def gif_size(head: tf.Tensor) -> tf.Tensor:
    """[2] int64 height and width of a GIF file's canvas."""
    return tf.stack([number(head[9:7:-1]), number(head[7:5:-1])])


def bmp_size(head: tf.Tensor) -> tf.Tensor:
    """[2] int64 height and width of a BMP file; rows from the top down are marked by a negative height."""
    height, width = number(head[25:21:-1]), number(head[21:17:-1])
    return tf.stack([tf.minimum(height, 2**32 - height), width])


def has_bmp_colours(head: tf.Tensor) -> tf.Tensor:
    """Whether a BMP file holds plain colours of 24 or 32 bits, neither indices into a palette nor compressed."""
    header_size, bits = number(head[17:13:-1]), number(head[29:27:-1])
    compression = number(head[33:29:-1])
    return (header_size >= 40) & ((bits == 24) | (bits == 32)) & (compression == 0)


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
        return tf.identity(tf.cast(size, tf.int32))  # A cast to what it is would depend on nothing.


def number(digits: tf.Tensor) -> tf.Tensor:
    """The [] int64 that up to four bytes spell, the highest one first."""
    return tf.reduce_sum(tf.cast(digits, tf.int64) * 256 ** np.arange(digits.shape[0], dtype=np.int64)[::-1])
