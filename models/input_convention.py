"""What intensities a network expects."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


class InputConvention(tf.keras.layers.Layer):
    """Intensities from 0 … 255 to the range that the layers above expect: (x / 255 − mean) · scale.

    As the first layer of the network it runs where the network does, and goes with it wherever it is served.

    Args:
      mean: per channel, taken off intensities in [0, 1].
      scale: factor after that.
    """

    def __init__(self, mean: Sequence[float], scale: float, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.scale = tuple(mean), scale

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """[batch, height, width, channels] in, and out."""
        images = tf.cast(images, self.compute_dtype)
        offset = tf.constant([mean * self.scale for mean in self.mean], images.dtype)
        return images * tf.constant(self.scale / 255.0, images.dtype) - offset

    def get_config(self) -> dict:
        """The arguments."""
        return {**super().get_config(), "mean": self.mean, "scale": self.scale}
