"""The range and channel order of intensities that a network expects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class InputConvention(tf.keras.layers.Layer):
    """Maps intensities from 0 … 255 to (x / 255 − mean) · scale, and reverses the channels for blue-first networks.

    It is the first layer of the network, so it runs on the network's device and is exported with it. It computes in
    float32 under a mixed-precision policy too. Where mean or scale differ by channel, grey images are repeated over the
    channels.

    Args:
      mean: one number, or one per channel, red first; subtracted from intensities in [0, 1].
      scale: the factor after that: one number, or one per channel.
      blue_first: the layers above expect blue, green, red, as networks from Caffe do.
    """

    def __init__(
        self, mean: float | Sequence[float], scale: float | Sequence[float], blue_first: bool = False, **kwargs: Any
    ):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.mean, self.scale, self.blue_first = mean, scale, blue_first

    def build(self, input_shape: tf.TensorShape) -> None:
        """Raises a ValueError unless the images have one channel or as many as the convention."""
        channels, needed = input_shape[-1], max(np.size(self.mean), np.size(self.scale))
        if needed > 1 and channels not in (1, needed):
            raise ValueError(f"The network takes images of 1 or {needed} channels; got {channels}.")
        super().build(input_shape)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """[batch, height, width, 1 or channels] to [batch, height, width, channels]."""
        factor, offset = np.divide(self.scale, 255.0), np.multiply(self.mean, self.scale)
        images = tf.cast(images, tf.float32) * factor.astype(np.float32) - offset.astype(np.float32)
        return tf.reverse(images, [-1]) if self.blue_first else images

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {**super().get_config(), "mean": self.mean, "scale": self.scale, "blue_first": self.blue_first}
