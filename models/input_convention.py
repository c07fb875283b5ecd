"""What intensities a network expects."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf


class InputConvention(tf.keras.layers.Layer):
    """Intensities from 0 … 255 to what the layers above expect: (x / 255 − mean) · scale, perhaps blue first.

    As the first layer of the network it runs where the network does, and goes with it wherever it is served. It
    computes in float32 under a mixed-precision policy too. Grey images are shown to each of several channels.

    Args:
      mean: per channel, red first; taken off intensities in [0, 1].
      scale: factor after that, one for all channels or one for each.
      blue_first: the layers above expect blue, green, red, as networks from Caffe do.
    """

    def __init__(self, mean: Sequence[float], scale: float | Sequence[float], blue_first: bool = False, **kwargs):
        kwargs["dtype"] = "float32"
        super().__init__(**kwargs)
        self.mean, self.blue_first = tuple(mean), blue_first
        self.scale = tuple(scale) if isinstance(scale, Sequence) else (scale,) * len(self.mean)

    def build(self, input_shape: tf.TensorShape) -> None:
        """Refuses images whose channels are not the convention's, nor one."""
        channels = input_shape[-1]
        if channels not in (1, len(self.mean)):
            raise ValueError(f"The network takes images of 1 or {len(self.mean)} channels; got {channels}.")
        super().build(input_shape)

    def call(self, images: tf.Tensor) -> tf.Tensor:
        """[batch, height, width, 1 or channels] to [batch, height, width, channels]."""
        images = tf.cast(images, tf.float32)
        offset = tf.constant([mean * scale for mean, scale in zip(self.mean, self.scale)], tf.float32)
        images = images * tf.constant([scale / 255.0 for scale in self.scale], tf.float32) - offset
        return tf.reverse(images, [-1]) if self.blue_first else images

    def get_config(self) -> dict:
        """The arguments."""
        own = {"mean": self.mean, "scale": self.scale, "blue_first": self.blue_first}
        return {**super().get_config(), **own}
