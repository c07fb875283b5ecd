"""RandAugment: a few operations, drawn at random, at one strength."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from datasets.input import colors, warps

STRONGEST = 10
_OPERATIONS_PER_IMAGE = 2
# What each does at the greatest strength.
_DEGREES, _SHEAR, _TRANSLATION, _ENHANCEMENT, _BITS = 30.0, 0.3, 0.3, 0.9, 4

# An image from 0 to 255, the strength from 0 to 1, and the strength with a random sign.
_Operation = Callable[[tf.Tensor, float, tf.Tensor], tf.Tensor]


def rand_augment(image: tf.Tensor, seed: tf.Tensor, strength: float) -> tf.Tensor:
    """Two of fourteen operations, one after the other (Cubuk et al., "RandAugment", CVPR Workshops 2020).

    Departs: every operation does more at a greater strength, and nothing at 0 (the authors' solarize and posterize do
    less, and their enhancements 0.1 to 1.9 of the original); what is beyond an edge mirrors the image, and is not grey.

    Args:
      image: [height, width, channels] float32 from 0 to 255, of known shape.
      seed: [2] integers.
      strength: 0 to ``STRONGEST``, the authors' M; their N is two.
    """
    draws = tf.random.stateless_uniform([_OPERATIONS_PER_IMAGE, 2], seed)
    share = strength / STRONGEST
    for draw in tf.unstack(draws):
        chosen = tf.cast(draw[0] * len(_OPERATIONS), tf.int32)
        signed = tf.where(draw[1] < 0.5, -share, share)
        branches = [lambda do=do, image=image, signed=signed: do(image, share, signed) for do in _OPERATIONS]
        image = tf.switch_case(chosen, branches)
    return image


def _auto_contrast(image: tf.Tensor, share: float, signed: tf.Tensor) -> tf.Tensor:
    """The darkest value of each channel to 0 and its lightest to 255; has no strength."""
    low, high = (reduce(image, axis=[0, 1], keepdims=True) for reduce in (tf.reduce_min, tf.reduce_max))
    return tf.where(high > low, 255.0 * tf.math.divide_no_nan(image - low, high - low), image)


def _equalize(image: tf.Tensor, share: float, signed: tf.Tensor) -> tf.Tensor:
    """Every channel's values spread evenly, as Pillow does; has no strength."""
    levels = tf.cast(tf.round(image), tf.int32)
    channels = []
    for values in tf.unstack(levels, axis=-1):
        counts = tf.math.bincount(tf.reshape(values, [-1]), minlength=256, maxlength=256)
        last = tf.gather(counts, tf.reduce_max(values))
        step = (tf.reduce_sum(counts) - last) // 255
        table = (tf.cumsum(counts, exclusive=True) + step // 2) // tf.maximum(step, 1)
        spread = tf.gather(tf.clip_by_value(table, 0, 255), values)
        channels.append(tf.where(step > 0, spread, values))
    return tf.cast(tf.stack(channels, axis=-1), tf.float32)


def _solarize(image: tf.Tensor, share: float, signed: tf.Tensor) -> tf.Tensor:
    """Light values inverted, down to a threshold."""
    return tf.where(image < 256.0 * (1.0 - share), image, 255.0 - image)


def _posterize(image: tf.Tensor, share: float, signed: tf.Tensor) -> tf.Tensor:
    """Up to four of the lowest bits cleared."""
    step = 2.0 ** round(_BITS * share)
    return tf.floor(image / step) * step


_OPERATIONS: tuple[_Operation, ...] = (
    lambda image, share, signed: image,
    _auto_contrast,
    _equalize,
    _solarize,
    _posterize,
    lambda image, share, signed: warps.rotated(image, _DEGREES * signed),
    lambda image, share, signed: warps.sheared(image, _SHEAR * signed, 0.0),
    lambda image, share, signed: warps.sheared(image, 0.0, _SHEAR * signed),
    lambda image, share, signed: warps.translated(image, _TRANSLATION * signed, 0.0),
    lambda image, share, signed: warps.translated(image, 0.0, _TRANSLATION * signed),
    lambda image, share, signed: colors.saturation(image, 1.0 + _ENHANCEMENT * signed),
    lambda image, share, signed: colors.contrast(image, 1.0 + _ENHANCEMENT * signed),
    lambda image, share, signed: colors.brightness(image, 1.0 + _ENHANCEMENT * signed),
    lambda image, share, signed: warps.sharpness(image, 1.0 + _ENHANCEMENT * signed),
)
