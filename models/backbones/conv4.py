"""The small convolutional network of the few-shot literature."""

from __future__ import annotations

import tensorflow as tf

from models.settings import NetworkSettings

_BLOCKS = 4


def conv4(inputs: tf.Tensor, settings: NetworkSettings) -> tf.Tensor:
    """Four blocks of 3 × 3 convolution, batch norm, ReLU and 2 × 2 max pooling (Vinyals et al., NeurIPS 2016).

    Args:
      inputs: [batch, size, size, channels] from −1 to 1.
      settings: ``width`` is the number of channels of every block.

    Returns:
      Features [batch, height, width, width]; a map of 1 × 1 pixels is not pooled further.
    """
    features = inputs
    for block in range(_BLOCKS):
        convolution = tf.keras.layers.Conv2D(settings.width, 3, padding="same", use_bias=False, name=f"conv{block}")
        features = convolution(features)
        features = tf.keras.layers.BatchNormalization(name=f"norm{block}")(features)
        features = tf.keras.layers.ReLU(name=f"relu{block}")(features)
        if features.shape[1] > 1:
            features = tf.keras.layers.MaxPool2D(name=f"pool{block}")(features)
    return features
