"""EfficientNet-Lite: EfficientNet for small devices, without squeeze-and-excitation and with ReLU6 for swish."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import tensorflow as tf

from models.settings import NetworkSettings

_EPSILON = 1e-3
_STEM_CHANNELS, _HEAD_CHANNELS = 32, 1280  # At any scale.
# Of channels and blocks.
_SCALES = {"efficientnet_lite0": (1.0, 1.0), "efficientnet_lite1": (1.0, 1.1), "efficientnet_lite2": (1.1, 1.2)}


class _Stage(NamedTuple):
    """A row of inverted bottlenecks; ``stride`` is its first block's, and ``expansion`` is over a block's input."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


_STAGES = (
    _Stage(1, 3, 1, 1, 16),
    _Stage(2, 3, 2, 6, 24),
    _Stage(2, 5, 2, 6, 40),
    _Stage(3, 3, 2, 6, 80),
    _Stage(3, 5, 1, 6, 112),
    _Stage(4, 5, 2, 6, 192),
    _Stage(1, 3, 1, 6, 320),
)


def efficientnet_lite(inputs: tf.Tensor, settings: NetworkSettings) -> tf.Tensor:
    """The convolutional part of EfficientNet-Lite (Tan and Le, ICML 2019; the Lite variants are their authors').

    Layers are named as the tensors of the published weights are: ``conv_stem``, ``bn0``, ``blocks_0_depthwise_conv``,
    ``blocks_0_bn1``, …. Departs from the original in that no block is dropped at random in training (drop connect).

    Args:
      inputs: [batch, height, width, 3] from −1 to 1.
      settings: ``backbone`` is the name in the registry.

    Returns:
      [batch, height / 32, width / 32, 1280], from 0 to 6; sizes are rounded up.
    """
    width, depth = _SCALES[settings.backbone]
    features = _convolve(inputs, _STEM_CHANNELS, "conv_stem", "bn0", kernel=3, stride=2)
    block = 0
    for number, stage in enumerate(_STAGES):
        is_scaled = 0 < number < len(_STAGES) - 1
        for repeat in range(math.ceil(stage.blocks * depth) if is_scaled else stage.blocks):
            features = _bottleneck(
                features,
                stage._replace(stride=1 if repeat else stage.stride, channels=_scaled(stage.channels, width)),
                functools.partial("blocks_{}_{}".format, block),
            )
            block += 1
    return _convolve(features, _HEAD_CHANNELS, "conv_head", "bn1")


def _bottleneck(inputs: tf.Tensor, block: _Stage, name) -> tf.Tensor:
    """Expansion, depthwise convolution and a linear projection; ``name`` makes a layer's name of its last part."""
    features = inputs
    if block.expansion > 1:
        features = _convolve(features, inputs.shape[-1] * block.expansion, name("expand_conv"), name("bn0"))
    depthwise = tf.keras.layers.DepthwiseConv2D(
        block.kernel, block.stride, "same", use_bias=False, name=name("depthwise_conv")
    )
    features = _normalize(depthwise(features), name("bn1"))
    features = _convolve(features, block.channels, name("project_conv"), name("bn2"), activated=False)
    if block.stride > 1 or inputs.shape[-1] != block.channels:
        return features
    return tf.keras.layers.Add(name=name("add"))([inputs, features])


def _convolve(
    features: tf.Tensor, channels: int, name: str, norm: str, kernel: int = 1, stride: int = 1, activated: bool = True
) -> tf.Tensor:
    convolution = tf.keras.layers.Conv2D(channels, kernel, stride, "same", use_bias=False, name=name)
    return _normalize(convolution(features), norm, activated)


def _normalize(features: tf.Tensor, name: str, activated: bool = True) -> tf.Tensor:
    features = tf.keras.layers.BatchNormalization(epsilon=_EPSILON, name=name)(features)
    return tf.keras.layers.ReLU(6.0, name=f"{name}_relu")(features) if activated else features


def _scaled(channels: int, width: float) -> int:
    """The multiple of 8 that is nearest to ``channels`` times ``width``, and not below 90% of that."""
    scaled = channels * width
    rounded = max(8, int(scaled + 4) // 8 * 8)
    return rounded if rounded >= 0.9 * scaled else rounded + 8
