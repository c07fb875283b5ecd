"""From a stored image to what the network sees. Everything is TensorFlow, so the exported model does the same."""

from __future__ import annotations

import dataclasses

import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class ImageFormat:
    """What a network takes in.

    Attributes:
      size: height and width of its input, pixels.
      resize: the shorter side before the centre crop, pixels.
      channels: 1 or 3.
      mean: taken off intensities in [0, 1], per channel.
      scale: factor after that.
    """

    size: int
    resize: int
    channels: int
    mean: tuple[float, ...] = (0.5,)
    scale: float = 2.0


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """How training images vary.

    Attributes:
      min_area: smallest part of the image that a crop takes; the largest is the whole.
      aspect: the crop's width over its height is drawn between 1/aspect and aspect.
      flip: mirrored half the time.
    """

    min_area: float = 0.16
    aspect: float = 4 / 3
    flip: bool = True


# ITU-R 601, as Pillow's mode L; grey stays exactly what it is.
_LUMA = (0.299, 0.587, 0.114)

# A centre crop of a longer image lies well within the middle part of this aspect ratio.
_LONGEST_ASPECT = 4

# Of written characters a quarter may be cut off; a mirrored one is another character.
WRITING = Augmentation(min_area=0.75, aspect=1.15, flip=False)


def evaluation_image(image: tf.Tensor, image_format: ImageFormat) -> tf.Tensor:
    """Shorter side to ``resize`` (aspect kept), centre crop of ``size``, and the network's value range.

    Args:
      image: [height, width, channels] uint8, or floating in [0, 1].
      image_format: of the network.

    Returns:
      [size, size, channels] float32.
    """
    image = tf.image.convert_image_dtype(_without_far_ends(image), tf.float32)
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    factor = image_format.resize / tf.minimum(height, width)
    target = tf.stack([tf.round(height * factor), tf.round(width * factor)])
    target = tf.maximum(tf.cast(target, tf.int32), image_format.size)
    image = tf.image.resize(image, target, antialias=True)
    offset = (tf.shape(image)[:2] - image_format.size) // 2
    image = tf.slice(image, tf.concat([offset, [0]], 0), [image_format.size, image_format.size, -1])
    return _to_range(image, image_format)


def _without_far_ends(image: tf.Tensor) -> tf.Tensor:
    """The middle of an image that is very long: the crop never sees the rest, and resizing it could fill the memory."""
    height, width = tf.unstack(tf.shape(image)[:2])
    longest = _LONGEST_ASPECT * tf.minimum(height, width)
    cut = tf.maximum(tf.stack([height, width, 0]) - tf.stack([longest, longest, 0]), 0) // 2
    return tf.slice(image, cut, tf.shape(image) - 2 * cut)


def training_image(
    image: tf.Tensor, seed: tf.Tensor, image_format: ImageFormat, augmentation: Augmentation
) -> tf.Tensor:
    """A random box of the image, resized to ``size``, perhaps mirrored: the same for the same seed.

    Args:
      image: [height, width, channels] uint8.
      seed: [2] integers.
      image_format: of the network.
      augmentation: how much it varies.

    Returns:
      [size, size, channels] float32.
    """
    image = tf.image.convert_image_dtype(image, tf.float32)
    draws = tf.random.stateless_uniform([5], seed)
    height, width = tf.unstack(tf.cast(tf.shape(image)[:2], tf.float32))
    area = height * width * (augmentation.min_area + draws[0] * (1.0 - augmentation.min_area))
    aspect = tf.exp((2.0 * draws[1] - 1.0) * tf.math.log(tf.constant(augmentation.aspect)))
    # A box that is too long for the image is cut to it, as a box wholly inside would bias towards square ones;
    # its other side is then long enough for the smallest area.
    tall, wide = tf.sqrt(area / aspect), tf.sqrt(area * aspect)
    least_tall = tf.where(wide > width, augmentation.min_area * height, 1.0)
    least_wide = tf.where(tall > height, augmentation.min_area * width, 1.0)
    box_height = tf.clip_by_value(tf.round(tf.maximum(tall, least_tall)), 1.0, height)
    box_width = tf.clip_by_value(tf.round(tf.maximum(wide, least_wide)), 1.0, width)
    top = tf.floor(draws[2] * (height - box_height + 1.0))
    left = tf.floor(draws[3] * (width - box_width + 1.0))
    begin = tf.cast(tf.stack([top, left, 0.0]), tf.int32)
    box = tf.slice(image, begin, tf.stack([tf.cast(box_height, tf.int32), tf.cast(box_width, tf.int32), -1]))
    box = tf.image.resize(box, [image_format.size, image_format.size], antialias=True)
    if augmentation.flip:
        box = tf.cond(draws[4] < 0.5, lambda: tf.reverse(box, [1]), lambda: box)
    return _to_range(box, image_format)


def decode(encoded: tf.Tensor, image_format: ImageFormat) -> tf.Tensor:
    """JPEG, PNG, BMP or GIF (first frame) bytes to a [height, width, channels] uint8 image."""
    # In colour first: TensorFlow decodes neither BMP, GIF nor CMYK files to one channel.
    image = tf.io.decode_image(encoded, channels=3, expand_animations=False)
    image.set_shape([None, None, 3])
    if image_format.channels == 1:
        luma = tf.tensordot(tf.cast(image, tf.float32), tf.constant(_LUMA), 1)
        image = tf.cast(tf.round(luma), tf.uint8)[..., tf.newaxis]
    return image


def _to_range(image: tf.Tensor, image_format: ImageFormat) -> tf.Tensor:
    image = (image - tf.constant(image_format.mean)) * image_format.scale
    return tf.ensure_shape(image, [image_format.size, image_format.size, image_format.channels])
