"""Every backbone by name, with what it takes in. Free of TensorFlow: a network is imported when it is built."""

from __future__ import annotations

from typing import NamedTuple

from ccp.registry import Registry


class Backbone(NamedTuple):
    """A network below the embedding, and its input convention.

    Attributes:
      builder: ``module:function`` that maps inputs in the convention and the ``NetworkSettings`` to features
        [batch, height, width, channels].
      size: height and width of the input, pixels, unless the settings say otherwise.
      resize: an evaluated image's shorter side before its centre is cropped, over the size.
      mean: see ``InputConvention``; one number stands for every channel of the images.
      scale: see ``InputConvention``; one for all channels, or one for each.
      blue_first: see ``InputConvention``.
      pretrained: whether it is meant to start from trained weights.
      keras_name: its name in ``keras.applications``, which has weights of it; empty for others.
    """

    builder: str
    size: int
    resize: float
    mean: tuple[float, ...]
    scale: float | tuple[float, ...]
    blue_first: bool = False
    pretrained: bool = False
    keras_name: str = ""


_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# The mean of Caffe's weights, which Keras' ResNet50 has: of red, green and blue.
_CAFFE_MEAN = (123.68 / 255, 116.779 / 255, 103.939 / 255)
_KERAS = "models.backbones.keras_networks:keras_backbone"


def _efficientnet(number: int, size: int) -> Backbone:
    # Evaluated on the middle 87.5%, as its authors do.
    scale = tuple(1.0 / deviation for deviation in _IMAGENET_DEVIATION)
    keras_name = f"EfficientNetB{number}"
    return Backbone(_KERAS, size, 1 / 0.875, _IMAGENET_MEAN, scale, pretrained=True, keras_name=keras_name)


# The small ones see the whole image: small pictures have no border to crop.
BACKBONES: Registry[Backbone] = Registry(
    "backbone",
    {
        "conv4": Backbone("models.backbones.conv4:conv4", 28, 1.0, (0.5,), 2.0),
        "resnet20": Backbone("models.backbones.cifar_resnet:resnet20", 32, 1.0, (0.5,), 2.0),
        "bn_inception": Backbone(
            "models.backbones.bn_inception:bn_inception", 227, 256 / 227, _IMAGENET_MEAN, 255.0, True, pretrained=True
        ),
        "resnet50": Backbone(_KERAS, 224, 256 / 224, _CAFFE_MEAN, 255.0, True, pretrained=True, keras_name="ResNet50"),
        "resnet50_v2": Backbone(_KERAS, 224, 256 / 224, (0.5, 0.5, 0.5), 2.0, pretrained=True, keras_name="ResNet50V2"),
        **{
            f"efficientnet_b{number}": _efficientnet(number, size)
            for number, size in enumerate((224, 240, 260, 300, 380, 456, 528, 600))
        },
    },
)
