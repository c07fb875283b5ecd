"""Networks below the embedding, each with what it takes in."""

from __future__ import annotations

import tensorflow as tf

from datasets.preprocessing import ImageFormat
from models.input_convention import InputConvention

CONV4_BLOCKS = 4


def conv4_format(image_size: int, channels: int) -> ImageFormat:
    """The whole image: small pictures have no border to crop."""
    return ImageFormat(size=image_size, resize=image_size, channels=channels)


def conv4(image_format: ImageFormat, width: int) -> tf.keras.Model:
    """Four blocks of 3 × 3 convolution, batch norm, ReLU and 2 × 2 max pooling (Vinyals et al., NeurIPS 2016).

    The convolutions see intensities from −1 to 1.

    Args:
      image_format: of the images.
      width: channels of every block.

    Returns:
      [batch, size, size, channels] from 0 to 255, to features [batch, height, width, channels]; a map of 1 pixel in
      height is not pooled further.
    """
    inputs = tf.keras.Input((image_format.size, image_format.size, image_format.channels), name="images")
    features = InputConvention(mean=(0.5,) * image_format.channels, scale=2.0, name="input_convention")(inputs)
    for block in range(CONV4_BLOCKS):
        features = tf.keras.layers.Conv2D(width, 3, padding="same", use_bias=False, name=f"conv{block}")(features)
        features = tf.keras.layers.BatchNormalization(name=f"norm{block}")(features)
        features = tf.keras.layers.ReLU(name=f"relu{block}")(features)
        if features.shape[1] > 1:
            features = tf.keras.layers.MaxPool2D(name=f"pool{block}")(features)
    return tf.keras.Model(inputs, features, name="conv4")
