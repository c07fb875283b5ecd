"""Rectangles of images, in whole pixels."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from datasets.images.refusal import refuse_unless


class Window(NamedTuple):
    """A rectangle of an image.

    Attributes:
      begin: [2] int32, its first row and column.
      size: [2] int32, its rows and columns.
    """

    begin: tf.Tensor
    size: tf.Tensor


def whole(size: tf.Tensor) -> Window:
    """All of an image of [2] int32 height and width."""
    return Window(tf.zeros([2], tf.int32), size)


def box_window(size: tf.Tensor, box: tf.Tensor) -> Window:
    """The part of a box that is inside an image.

    Args:
      size: [2] int32 height and width of the image.
      box: [4] int32 left, top, right, bottom; right and bottom are the first pixels outside.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: the box holds no pixel of the image.
    """
    left, top, right, bottom = tf.unstack(box)
    first = tf.maximum(tf.stack([top, left]), 0)
    last = tf.minimum(tf.stack([bottom, right]), size)
    check = refuse_unless(
        tf.reduce_all(last > first), ["The box", box, "holds no pixel of the image of height and width", size]
    )
    with tf.control_dependencies(check):
        return Window(first, last - first)


def cut(pixels: tf.Tensor, window: Window) -> tf.Tensor:
    """The pixels of a window of [height, width, channels] pixels."""
    return tf.slice(pixels, tf.concat([window.begin, [0]], 0), tf.concat([window.size, [-1]], 0))
