"""Parts of images, as integer pixels. Everything is TensorFlow, so that it runs in a pipeline and in a served graph."""

from __future__ import annotations

from collections.abc import Callable
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


# From an image's [2] int32 height and width to the part of it that is wanted.
Plan = Callable[[tf.Tensor], Window]
# From a plan to the wanted pixels, [rows, columns, channels] uint8 (or float, from 0 to 255).
Reader = Callable[[Plan], tf.Tensor]


def whole(size: tf.Tensor) -> Window:
    """All of an image."""
    return Window(tf.zeros([2], tf.int32), size)


def cut(image: tf.Tensor, window: Window) -> tf.Tensor:
    """The pixels of a window of a [height, width, channels] image."""
    return tf.slice(image, tf.concat([window.begin, [0]], 0), tf.concat([window.size, [-1]], 0))


def reader_of(image: tf.Tensor) -> Reader:
    """Reads windows of a [height, width, channels] image that is at hand."""
    return lambda plan: cut(image, plan(tf.shape(image)[:2]))


def inside(plan: Plan, box: tf.Tensor) -> Plan:
    """Plans within a box of the image, as if the box were all there is.

    Args:
      plan: of the part wanted.
      box: [4] int32 left, top, right, bottom; what lies outside the image is cut off.

    Raises (as the plan is run):
      tf.errors.InvalidArgumentError: the box holds no pixel of the image.
    """

    def within(size: tf.Tensor) -> Window:
        left, top, right, bottom = tf.unstack(box)
        first = tf.maximum(tf.stack([top, left]), 0)
        last = tf.minimum(tf.stack([bottom, right]), size)
        check = refuse_unless(
            tf.reduce_all(last > first), ["The box", box, "holds no pixel of the image of height and width", size]
        )
        with tf.control_dependencies(check):
            window = plan(last - first)
        return Window(first + window.begin, window.size)

    return within
