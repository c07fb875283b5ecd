"""Changes of colour: of [height, width, channels] float32 images from 0 to 255, with results in that range.

``factor`` 1 leaves an image as it is, 0 is black, grey or flat, and larger ones exaggerate, as in Pillow's
``ImageEnhance``. Colours of grey images, of one channel, do not change.
"""

from __future__ import annotations

import tensorflow as tf


def brightness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Lighter or darker."""
    return _clipped(image * factor)


def contrast(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Differences to the image's mean luma, multiplied."""
    mean = tf.reduce_mean(_luma(image))
    return _clipped(mean + factor * (image - mean))


def saturation(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Differences to each pixel's grey, multiplied."""
    luma = _luma(image)
    return _clipped(luma + factor * (image - luma))


def hue(image: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Hues turned by a fraction of the colour circle, from −0.5 to 0.5."""
    if image.shape[-1] == 1:
        return image
    return _clipped(255.0 * tf.image.adjust_hue(image / 255.0, shift))


def without_color(image: tf.Tensor) -> tf.Tensor:
    """Each pixel's grey, in as many channels as there are."""
    return tf.broadcast_to(_luma(image), tf.shape(image))


def _luma(image: tf.Tensor) -> tf.Tensor:
    return image if image.shape[-1] == 1 else tf.image.rgb_to_grayscale(image)


def _clipped(image: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(image, 0.0, 255.0)
