"""The orientation in an image file's Exif data, and what it does to pixels and windows.

Orientations are numbered from 1 to 8 as in the Exif standard (CIPA DC-008, tag 0x0112). Those above 4 exchange
rows and columns; what is left is to reverse rows, columns, both or none.
"""

from __future__ import annotations

import tensorflow as tf

from datasets.images.headers import number
from datasets.images.windows import Window

UPRIGHT = 1

_TAG = (0x01, 0x12)
_SHORT = (0, 3)
# Real files have few segments before the Exif data, and few entries in it.
_MOST_SEGMENTS = 64
_MOST_ENTRIES = 256
# By orientation, after rows and columns are swapped; 0 is none.
_REVERSES_ROWS = (False, False, False, True, True, False, False, True, True)
_REVERSES_COLUMNS = (False, False, True, True, False, False, True, True, False)


def jpeg_orientation(contents: tf.Tensor) -> tf.Tensor:
    """The orientation in a JPEG file's Exif data, [] int32.

    It is looked for where the standard puts it: among the application and comment segments at the file's start,
    as a SHORT in the first directory. Without any, or with anything malformed, the orientation is 1; this never
    fails, whatever the bytes.
    """
    return _orientation(_jpeg_exif(contents))


def png_orientation(contents: tf.Tensor) -> tf.Tensor:
    """The orientation in a PNG file's chunk eXIf, [] int32; 1 as in ``jpeg_orientation``."""
    # From the first place that reads eXIf: in compressed data that is rare, and then no TIFF structure follows.
    return _orientation(tf.strings.reduce_join(tf.strings.split(contents, "eXIf", maxsplit=1)[1:]))


def _orientation(tiff: tf.Tensor) -> tf.Tensor:
    """The orientation in a TIFF structure, [] string."""
    head = tf.io.decode_raw(tiff, tf.uint8, fixed_length=8)
    little = tf.reduce_all(head[:4] == tf.constant(list(b"II*\x00"), tf.uint8))
    big = tf.reduce_all(head[:4] == tf.constant(list(b"MM\x00*"), tf.uint8))
    directory = _part(tiff, _number(head[4:8], little), 2 + 12 * _MOST_ENTRIES)
    count = _number(directory[:2], little)
    entries = tf.reshape(directory[2:], [_MOST_ENTRIES, 12])
    shorts = tf.where(little, tf.reverse(tf.reshape(entries, [-1, 6, 2]), [2]), tf.reshape(entries, [-1, 6, 2]))
    matches = tf.reduce_all(shorts[:, :2] == tf.constant([_TAG, _SHORT], tf.uint8), axis=[1, 2])
    matches = matches & (tf.range(_MOST_ENTRIES, dtype=tf.int64) < count) & (little | big)
    first = tf.argmax(tf.cast(matches, tf.uint8))
    value = number(shorts[first, 4])
    valid = matches[first] & (value >= 1) & (value <= 8)
    return tf.where(valid, tf.cast(value, tf.int32), UPRIGHT)


def swaps_sides(orientation: tf.Tensor) -> tf.Tensor:
    """Whether rows of the upright image are columns of the stored one."""
    return orientation > 4


def upright_size(stored_size: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """[2] height and width as displayed, of those as stored."""
    return tf.where(swaps_sides(orientation), stored_size[::-1], stored_size)


def stored_window(window: Window, size: tf.Tensor, orientation: tf.Tensor) -> Window:
    """The window of the stored image that holds a window of the upright one.

    Args:
      window: of the upright image.
      size: [2] int32 height and width of the upright image.
      orientation: [] int32, from 1 to 8.
    """
    begin = tf.where(_reversed(orientation), size - window.begin - window.size, window.begin)
    swapped = swaps_sides(orientation)
    return Window(tf.where(swapped, begin[::-1], begin), tf.where(swapped, window.size[::-1], window.size))


def upright(pixels: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """[rows, columns, channels] pixels of the stored image (or of a window of it) as they are displayed."""
    pixels = tf.cond(swaps_sides(orientation), lambda: tf.transpose(pixels, [1, 0, 2]), lambda: pixels)
    return tf.raw_ops.Reverse(tensor=pixels, dims=tf.concat([_reversed(orientation), [False]], 0))


def _reversed(orientation: tf.Tensor) -> tf.Tensor:
    return tf.gather(tf.constant(list(zip(_REVERSES_ROWS, _REVERSES_COLUMNS))), orientation)


def _jpeg_exif(contents: tf.Tensor) -> tf.Tensor:
    """The TIFF structure inside the first Exif segment, [] string; empty if there is none."""
    file_size = tf.cast(tf.strings.length(contents), tf.int64)

    def is_skipped(start: tf.Tensor, _: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
        is_exif = tf.reduce_all(head[4:] == tf.constant(list(b"Exif\x00\x00"), tf.uint8)) & (head[1] == 0xE1)
        return (head[0] == 0xFF) & ((head[1] // 16 == 0xE) | (head[1] == 0xFE)) & ~is_exif & (start < file_size)

    def next_segment(start: tf.Tensor, length: tf.Tensor, _: tf.Tensor) -> list[tf.Tensor]:
        start = start + 2 + length
        head = _part(contents, start, 10)
        return [start, number(head[2:4]), head]

    nothing = tf.constant(0, tf.int64)
    start, length, head = next_segment(nothing, nothing, None)
    start, length, head = tf.while_loop(
        is_skipped, next_segment, [start, length, head], maximum_iterations=_MOST_SEGMENTS
    )
    is_exif = tf.reduce_all(head == tf.concat([[0xFF, 0xE1], head[2:4], list(b"Exif\x00\x00")], 0))
    return tf.cond(
        is_exif & (length >= 8),
        lambda: tf.strings.substr(contents, tf.minimum(start + 10, file_size), length - 8),
        lambda: tf.constant(b""),
    )


def _part(text: tf.Tensor, start: tf.Tensor, num_bytes: int) -> tf.Tensor:
    """[num_bytes] uint8 from ``start`` on; zeros where there are no more."""
    start = tf.minimum(start, tf.cast(tf.strings.length(text), tf.int64))
    return tf.io.decode_raw(tf.strings.substr(text, start, num_bytes), tf.uint8, fixed_length=num_bytes)


def _number(digits: tf.Tensor, little: tf.Tensor) -> tf.Tensor:
    return number(tf.where(little, digits[::-1], digits))
