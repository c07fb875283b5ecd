"""Affine changes and filters of [height, width, channels] float32 images; what is beyond an edge mirrors the image."""

from __future__ import annotations

import math

import tensorflow as tf


def rotated(image: tf.Tensor, degrees: tf.Tensor) -> tf.Tensor:
    """Turned about its middle, anticlockwise."""
    radians = degrees * (math.pi / 180.0)
    cosine, sine = tf.cos(radians), tf.sin(radians)
    # Where the pixels come from, with rows counted downwards.
    return _affine(image, cosine, -sine, sine, cosine)


def sheared(image: tf.Tensor, along_x: tf.Tensor, along_y: tf.Tensor) -> tf.Tensor:
    """Sheared about its middle: a pixel one to the side of it moves by so many pixels."""
    return _affine(image, 1.0, along_x, along_y, 1.0)


def translated(image: tf.Tensor, along_x: tf.Tensor, along_y: tf.Tensor) -> tf.Tensor:
    """Moved by fractions of its width and height."""
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    return _affine(image, 1.0, 0.0, 0.0, 1.0, along_x * width, along_y * height)


def blurred(image: tf.Tensor, deviation: tf.Tensor, largest: float) -> tf.Tensor:
    """A Gaussian blur.

    Args:
      image: as above.
      deviation: standard deviation, pixels.
      largest: that it can have: the filter ends at three times this, and at the image's size.
    """
    radius = max(1, math.ceil(3 * largest))
    radius = min(radius, image.shape[0] - 1, image.shape[1] - 1)
    offsets = tf.range(-radius, radius + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * tf.square(offsets / deviation))
    weights /= tf.reduce_sum(weights)
    down = _filtered(image, weights[:, tf.newaxis], [[radius, radius], [0, 0], [0, 0]])
    return _filtered(down, weights[tf.newaxis], [[0, 0], [radius, radius], [0, 0]])


def sharpness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Differences to the smoothed image, multiplied; Pillow's filter."""
    kernel = tf.constant([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]]) / 13.0
    smooth = _filtered(image, kernel, [[1, 1], [1, 1], [0, 0]])
    return tf.clip_by_value(smooth + factor * (image - smooth), 0.0, 255.0)


def _filtered(image: tf.Tensor, kernel: tf.Tensor, padding: list[list[int]]) -> tf.Tensor:
    """Every channel by a [rows, columns] kernel."""
    channels = image.shape[-1]
    padded = tf.pad(image, padding, mode="SYMMETRIC")
    filters = tf.tile(kernel[:, :, tf.newaxis, tf.newaxis], [1, 1, channels, 1])
    return tf.nn.depthwise_conv2d(padded[tf.newaxis], filters, [1, 1, 1, 1], "VALID")[0]


def _affine(image: tf.Tensor, xx, xy, yx, yy, move_x=0.0, move_y=0.0) -> tf.Tensor:
    """The pixel at (x, y) from the middle is what is at (xx·x + xy·y − move_x, yx·x + yy·y − move_y)."""
    shape = tf.shape(image)[:2]
    middle_y, middle_x = tf.unstack((tf.cast(shape, tf.float32) - 1.0) / 2.0)
    from_x = middle_x - xx * middle_x - xy * middle_y - move_x
    from_y = middle_y - yx * middle_x - yy * middle_y - move_y
    numbers = [tf.convert_to_tensor(x, tf.float32) for x in (xx, xy, from_x, yx, yy, from_y, 0.0, 0.0)]
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[tf.newaxis],
        transforms=tf.stack(numbers)[tf.newaxis],
        output_shape=shape,
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.ensure_shape(moved[0], image.shape)
