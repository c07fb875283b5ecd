"""The settings of a network. Free of TensorFlow."""

from __future__ import annotations

import dataclasses

from ccp.settings import check, setting
from models.registry import BACKBONES


@dataclasses.dataclass(frozen=True)
class NetworkSettings:
    """The network."""

    backbone: str = setting("conv4", "network below the embedding", choices=tuple(BACKBONES), essential=True)
    width: int = setting(64, "channels of each convolution of conv4", at_least=1, only_with={"backbone": ("conv4",)})
    weights: str = setting(
        "",
        "start weights: imagenet (from Keras or a package), an .h5 file, the directory of an earlier run, or none",
        essential=True,
    )
    image_size: int = setting(
        0, "height and width of the network's input, pixels; 0: the backbone's own", at_least=0, essential=True
    )
    resize_size: int = setting(
        0,
        "shorter side of an evaluated image before the centre crop, pixels; 0: the backbone's own",
        at_least=0,
    )
    pooling: str = setting(
        "average",
        "pooling of the feature map: average, max, their sum, or the generalised mean with a learned exponent",
        choices=("average", "max", "average_max", "gem"),
    )
    embedding_size: int = setting(128, "dimensions of the embedding (D)", at_least=1)
    freeze_bn: bool = setting(
        False, "freeze batch norms: statistics, factors and offsets stay as they are, and training uses them so"
    )
    mixed_precision: str = setting(
        "none",
        "compute the network in float16 (with loss scaling) or bfloat16",
        choices=("none", "float16", "bfloat16"),
    )

    def __post_init__(self):
        check(self)
