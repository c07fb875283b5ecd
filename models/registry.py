"""Every backbone, with what it takes in beside it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from ccp.config import ModelConfig
from datasets.preprocessing import ImageFormat
from models.bn_inception import bn_inception
from models.cifar_resnet import resnet20
from models.conv4 import conv4
from models.input_convention import InputConvention
from models.keras_networks import keras_network

_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Backbone(NamedTuple):
    """A network below the embedding and its input convention.

    Attributes:
      features: from inputs in the convention to a map [batch, height, width, channels].
      size: of the input, pixels, unless a configuration says otherwise.
      resize: an evaluated image's shorter side before its centre is cut out, over the size.
      mean: see ``InputConvention``; of one channel: the same for each channel of the images, however many.
      scale: see ``InputConvention``; one for all channels, or one for each.
      blue_first: see ``InputConvention``.
    """

    features: Callable[[tf.Tensor, ModelConfig], tf.Tensor]
    size: int
    resize: float
    mean: tuple[float, ...]
    scale: float | tuple[float, ...]
    blue_first: bool = False

    def image_format(self, config: ModelConfig, channels: int) -> ImageFormat:
        """What the network takes in, as ``config`` wants it, of images with so many channels."""
        size = config.image_size or self.size
        return ImageFormat(size, config.resize_size or round(size * self.resize), channels)

    def convention(self, channels: int) -> InputConvention:
        """The network's first layer."""
        mean = self.mean * channels if len(self.mean) == 1 else self.mean
        return InputConvention(mean, self.scale, self.blue_first, name="input_convention")


def _of_keras(inputs: tf.Tensor, config: ModelConfig) -> tf.Tensor:
    return keras_network(config.backbone, inputs)


def _efficientnet(size: int) -> Backbone:
    # Evaluated on the middle 87.5%, as its authors do.
    scale = tuple(1.0 / deviation for deviation in _IMAGENET_DEVIATION)
    return Backbone(_of_keras, size, 1 / 0.875, _IMAGENET_MEAN, scale)


# The whole image for the small ones: small pictures have no border to crop.
BACKBONES = {
    "conv4": Backbone(lambda inputs, config: conv4(inputs, config.width), 28, 1.0, (0.5,), 2.0),
    "resnet20": Backbone(lambda inputs, _: resnet20(inputs), 32, 1.0, (0.5,), 2.0),
    "bn_inception": Backbone(lambda inputs, _: bn_inception(inputs), 227, 256 / 227, _IMAGENET_MEAN, 255.0, True),
    # Keras' ResNet50 has Caffe's weights, and their mean: 123.68, 116.779, 103.939 of red, green and blue.
    "resnet50": Backbone(_of_keras, 224, 256 / 224, (123.68 / 255, 116.779 / 255, 103.939 / 255), 255.0, True),
    "resnet50_v2": Backbone(_of_keras, 224, 256 / 224, (0.5, 0.5, 0.5), 2.0),
    "efficientnet_b0": _efficientnet(224),
    "efficientnet_b1": _efficientnet(240),
    "efficientnet_b2": _efficientnet(260),
    "efficientnet_b3": _efficientnet(300),
    "efficientnet_b4": _efficientnet(380),
    "efficientnet_b5": _efficientnet(456),
    "efficientnet_b6": _efficientnet(528),
    "efficientnet_b7": _efficientnet(600),
}
