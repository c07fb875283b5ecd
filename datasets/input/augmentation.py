"""What augmentation does to a training image after it is cropped, mirrored and resized: stateless, by its seed."""

from __future__ import annotations

import tensorflow as tf

from datasets.input import colors, warps
from datasets.input.formats import Augmentation
from datasets.input.rand_augment import rand_augment

# SimCLR's deviations: pixels of images of 224.
_BLUR, _BLUR_SIZE = (0.1, 2.0), 224
# Streams of random numbers beside that of the crop.
_DRAWS, _RAND_AUGMENT = 1, 2


def augmented(image: tf.Tensor, seed: tf.Tensor, augmentation: Augmentation) -> tf.Tensor:
    """RandAugment, then rotation, brightness, contrast, saturation, hue, grey, blur: those that are asked for.

    What is drawn for one does not depend on which others there are.

    Args:
      image: [size, size, channels] float32 from 0 to 255, of known shape.
      seed: [2] integers, the image's.
      augmentation: how much it varies.

    Returns:
      The same shape and range.
    """
    own = augmentation
    if own.randaugment:
        image = rand_augment(image, _stream(seed, _RAND_AUGMENT), own.randaugment)
    draws = tf.random.stateless_uniform([8], _stream(seed, _DRAWS))
    turned, *factors, shift, is_grey, is_blurred, deviation = tf.unstack(draws)
    if own.rotation:
        image = warps.rotated(image, own.rotation * (2.0 * turned - 1.0))
    changes = (colors.brightness, own.brightness), (colors.contrast, own.contrast), (colors.saturation, own.saturation)
    for (change, amount), factor in zip(changes, factors):
        if amount:
            image = change(image, 1.0 + amount * (2.0 * factor - 1.0))
    if own.hue:
        image = colors.hue(image, own.hue * (2.0 * shift - 1.0))
    if own.grey:
        image = tf.cond(is_grey < own.grey, lambda: colors.without_color(image), lambda: image)
    if own.blur:
        smallest, largest = (pixels * image.shape[0] / _BLUR_SIZE for pixels in _BLUR)
        sigma = smallest + deviation * (largest - smallest)
        image = tf.cond(is_blurred < own.blur, lambda: warps.blurred(image, sigma, largest), lambda: image)
    return image


def _stream(seed: tf.Tensor, number: int) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, number)
