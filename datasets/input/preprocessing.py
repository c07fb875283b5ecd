"""From an opened image to the network's input. Everything is TensorFlow, so the exported model does the same.

Intensities stay as they are stored, from 0 to 255: subtracting the mean is the network's first layer
(``models.input_convention``), where an accelerator does it.
"""

from __future__ import annotations

import tensorflow as tf

from datasets.images.image import Image
from datasets.images.windows import Window, cut
from datasets.input.augmentation import augmented
from datasets.input.formats import Augmentation, ImageFormat

# A centre crop of a longer image is well within the middle part of this aspect ratio.
_LONGEST_ASPECT = 4

# Bilinear interpolation looks at two pixels: where one pixel of the result covers more, it would skip some.
_LARGEST_PLAIN_FACTOR = 2


def evaluation_image(image: Image, image_format: ImageFormat) -> tf.Tensor:
    """Shorter side to ``resize`` (aspect kept), centre crop of ``size``.

    Args:
      image: of any size.
      image_format: of the network.

    Returns:
      [size, size, channels] float32, from 0 to 255.
    """
    middle = _middle(image.size)
    height, width = tf.unstack(tf.cast(middle.size, tf.float32))
    factor = image_format.resize / tf.minimum(height, width)
    target = tf.stack([tf.round(height * factor), tf.round(width * factor)])
    target = tf.maximum(tf.cast(target, tf.int32), image_format.size)
    size, pixels = tf.constant([image_format.size] * 2), image.read(middle, at_least=target)
    return _shaped(cut(_resized(pixels, target), Window((target - size) // 2, size)), image_format)


def training_image(image: Image, seed: tf.Tensor, image_format: ImageFormat, augmentation: Augmentation) -> tf.Tensor:
    """A random box of the image, resized to ``size``, perhaps mirrored, and what else varies: the same for a seed.

    Args:
      image: of any size.
      seed: [2] integers.
      image_format: of the network.
      augmentation: how much it varies.

    Returns:
      [size, size, channels] float32, from 0 to 255.
    """
    draws = tf.random.stateless_uniform([5], seed)
    target = tf.constant([image_format.size] * 2)
    pixels = image.read(_random_box(image.size, draws, augmentation), at_least=target)
    if augmentation.flip:  # Before the resize: the box is in bytes, and often smaller.
        pixels = tf.cond(draws[4] < 0.5, lambda: tf.reverse(pixels, [1]), lambda: pixels)
    resized = _shaped(_resized(pixels, target), image_format)
    return augmented(resized, seed, augmentation) if augmentation.changes_pixels else resized


def _middle(size: tf.Tensor) -> Window:
    """The middle of an image that is very long: the crop never sees the rest, and resizing it could fill the memory."""
    longest = _LONGEST_ASPECT * tf.reduce_min(size)
    begin = tf.maximum(size - longest, 0) // 2
    return Window(begin, size - 2 * begin)


def _random_box(size: tf.Tensor, draws: tf.Tensor, augmentation: Augmentation) -> Window:
    height, width = tf.unstack(tf.cast(size, tf.float32))
    area = height * width * (augmentation.min_crop_area + draws[0] * (1.0 - augmentation.min_crop_area))
    aspect = tf.exp((2.0 * draws[1] - 1.0) * tf.math.log(tf.constant(augmentation.max_crop_aspect)))
    # A box that is too long for the image is cut to it, as a box wholly inside would bias towards square ones;
    # its other side is then long enough for the smallest area.
    tall, wide = tf.sqrt(area / aspect), tf.sqrt(area * aspect)
    least_tall = tf.where(wide > width, augmentation.min_crop_area * height, 1.0)
    least_wide = tf.where(tall > height, augmentation.min_crop_area * width, 1.0)
    box_height = tf.clip_by_value(tf.round(tf.maximum(tall, least_tall)), 1.0, height)
    box_width = tf.clip_by_value(tf.round(tf.maximum(wide, least_wide)), 1.0, width)
    top = tf.floor(draws[2] * (height - box_height + 1.0))
    left = tf.floor(draws[3] * (width - box_width + 1.0))
    return Window(tf.cast(tf.stack([top, left]), tf.int32), tf.cast(tf.stack([box_height, box_width]), tf.int32))


def _resized(image: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Bilinear; smoothed first where it shrinks so much that pixels would be skipped."""
    shrinks = tf.reduce_any(tf.shape(image)[:2] > _LARGEST_PLAIN_FACTOR * target)
    return tf.cond(
        shrinks, lambda: tf.image.resize(image, target, antialias=True), lambda: tf.image.resize(image, target)
    )


def _shaped(image: tf.Tensor, image_format: ImageFormat) -> tf.Tensor:
    return tf.ensure_shape(image, [image_format.size, image_format.size, image_format.channels])
