"""The networks of ``keras.applications``, as their modules describe them. Free of TensorFlow."""

from __future__ import annotations

from typing import NamedTuple

from models.conventions import CAFFE, IMAGENET, SIGNED, UNIT, Convention

# EfficientNet V2 S, M and L: x / 128 − 1.
_SIGNED_BY_128 = Convention((128 / 255,) * 3, 255 / 128)


class KerasApplication(NamedTuple):
    """A network of ``keras.applications``.

    Attributes:
      keras_name: its function there.
      size: height and width of its input, pixels, unless another size is asked for.
      convention: what its ``preprocess_input`` and the preprocessing layers at its start do together.
      smallest: the smallest size that Keras builds.
      only_keras_2: Keras 3 does not have it.
    """

    keras_name: str
    size: int
    convention: Convention
    smallest: int = 32
    only_keras_2: bool = False


def _family(
    name: str, keras_name: str, variants: str, convention: Convention, size: int = 224, only_keras_2: bool = False
) -> dict[str, KerasApplication]:
    """Networks by our name; ``{}`` in both names stands for the variant, and ``b1:240`` is one with another size."""
    networks = {}
    for variant in variants.split():
        own, _, own_size = variant.partition(":")
        theirs = "XLarge" if own == "xlarge" else own.capitalize()
        networks[name.format(own)] = KerasApplication(
            keras_name.format(theirs), int(own_size or size), convention, only_keras_2=only_keras_2
        )
    return networks


_EFFICIENTNETS = "b0 b1:240 b2:260 b3:300 b4:380 b5:456 b6:528 b7:600"
_REGNETS = "002 004 006 008 016 032 040 064 080 120 160 320"

KERAS_APPLICATIONS: dict[str, KerasApplication] = {
    **_family("resnet{}", "ResNet{}", "50 101 152", CAFFE),
    **_family("resnet{}_v2", "ResNet{}V2", "50 101 152", SIGNED),
    **_family("efficientnet_{}", "EfficientNet{}", _EFFICIENTNETS, IMAGENET),
    **_family("efficientnet_v2_{}", "EfficientNetV2{}", "b0 b1:240 b2:260 b3:300", IMAGENET),
    **_family("efficientnet_v2_{}", "EfficientNetV2{}", "s:384 m l", _SIGNED_BY_128, size=480),
    **_family("convnext_{}", "ConvNeXt{}", "tiny small base large xlarge", IMAGENET),
    **_family("densenet{}", "DenseNet{}", "121 169 201", IMAGENET),
    "mobilenet": KerasApplication("MobileNet", 224, SIGNED),
    "mobilenet_v2": KerasApplication("MobileNetV2", 224, SIGNED),
    **_family("mobilenet_v3_{}", "MobileNetV3{}", "small large", SIGNED),
    **_family("nasnet_{}", "NASNet{}", "mobile large:331", SIGNED),
    "inception_v3": KerasApplication("InceptionV3", 299, SIGNED, smallest=75),
    "inception_resnet_v2": KerasApplication("InceptionResNetV2", 299, SIGNED, smallest=75),
    "xception": KerasApplication("Xception", 299, SIGNED, smallest=71),
    **_family("vgg{}", "VGG{}", "16 19", CAFFE),
    **_family("resnet_rs{}", "ResNetRS{}", "50 101 152 200 270 350 420", IMAGENET, only_keras_2=True),
    # From 0 to 1, though Keras' documentation speaks of ImageNet's mean and deviation.
    **_family("regnet_x{}", "RegNetX{}", _REGNETS, UNIT, only_keras_2=True),
    **_family("regnet_y{}", "RegNetY{}", _REGNETS, UNIT, only_keras_2=True),
}
