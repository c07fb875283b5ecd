"""The residual network for images of 32 × 32 pixels."""

from __future__ import annotations

import tensorflow as tf

from models.settings import NetworkSettings

_WIDTHS = (16, 32, 64)
_BLOCKS_PER_STAGE = 3


def resnet20(inputs: tf.Tensor, settings: NetworkSettings | None = None) -> tf.Tensor:
    """ResNet-20 for CIFAR (He et al., CVPR 2016, section 4.2): three stages of three blocks, 16 to 64 channels.

    Where a stage begins, the shortcut is a 1 × 1 convolution (the paper's option B; its CIFAR networks pad with zeros).

    Args:
      inputs: [batch, size, size, channels] from −1 to 1.
      settings: not used.

    Returns:
      Features [batch, size / 4, size / 4, 64].
    """
    features = _normalized_convolution(inputs, _WIDTHS[0], 3, 1, "stem")
    features = tf.keras.layers.ReLU(name="stem_relu")(features)
    for stage, width in enumerate(_WIDTHS):
        for block in range(_BLOCKS_PER_STAGE):
            strides = 2 if stage > 0 and block == 0 else 1
            features = _residual_block(features, width, strides, f"stage{stage}_block{block}")
    return features


def _residual_block(inputs: tf.Tensor, width: int, strides: int, name: str) -> tf.Tensor:
    features = _normalized_convolution(inputs, width, 3, strides, f"{name}_first")
    features = tf.keras.layers.ReLU(name=f"{name}_first_relu")(features)
    features = _normalized_convolution(features, width, 3, 1, f"{name}_second")
    if strides > 1:
        inputs = _normalized_convolution(inputs, width, 1, strides, f"{name}_shortcut")
    return tf.keras.layers.ReLU(name=f"{name}_relu")(tf.keras.layers.Add(name=f"{name}_add")([inputs, features]))


def _normalized_convolution(inputs: tf.Tensor, width: int, size: int, strides: int, name: str) -> tf.Tensor:
    convolution = tf.keras.layers.Conv2D(
        width, size, strides, "same", use_bias=False, kernel_initializer="he_normal", name=name
    )
    return tf.keras.layers.BatchNormalization(name=f"{name}_norm")(convolution(inputs))
