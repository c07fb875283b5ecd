"""The settings of a network. Free of TensorFlow."""

from __future__ import annotations

import dataclasses

from ccp.errors import ConfigError
from ccp.settings import check, setting
from models.conventions import INPUT_RANGES, UNKNOWN_RANGE
from models.registry import POOLINGS, described_backbones, find_backbone


@dataclasses.dataclass(frozen=True)
class NetworkSettings:
    """The network."""

    backbone: str = setting("conv4", f"network below the embedding: {described_backbones()}", essential=True)
    backbone_digest: str = setting(
        "",
        "SHA-256 of the backbone's .keras file; filled in, so that a changed file is noticed",
        in_preset=False,
    )
    input_range: str = setting(
        UNKNOWN_RANGE,
        "intensities that a .keras file or KerasHub's preset takes: a range, ImageNet's mean and deviation, or Caffe's",
        choices=(UNKNOWN_RANGE, *INPUT_RANGES),
    )
    width: int = setting(64, "channels of each convolution of conv4", at_least=1, only_with={"backbone": ("conv4",)})
    weights: str = setting(
        "",
        "start weights: imagenet (from Keras or a package), an .h5 file, the directory of an earlier run, or none",
        essential=True,
    )
    image_size: int = setting(
        0,
        "height and width of the network's input, pixels; 0: the backbone's own",
        at_least=8,
        or_zero=True,
        essential=True,
    )
    resize_size: int = setting(
        0,
        "shorter side of an evaluated image before the centre crop, pixels; 0: the backbone's own",
        at_least=8,
        or_zero=True,
    )
    pooling: str = setting(
        "average",
        f"pooling of the feature map: {', '.join(f'{name} ({about})' for name, about in POOLINGS.items())}",
        choices=tuple(POOLINGS),
    )
    pooling_prototypes: int = setting(64, "prototypes of gsp (m)", at_least=1, only_with={"pooling": ("gsp",)})
    pooling_share: float = setting(
        0.3, "share of the features' mass that gsp takes (μ)", above=0, below=1, only_with={"pooling": ("gsp",)}
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
        find_backbone(self.backbone)
        if self.input_range != UNKNOWN_RANGE and not find_backbone(self.backbone).describe:
            raise ConfigError(
                f"--input_range only matters with --backbone=FILE.keras and hub/PRESET: {self.backbone} has its own. "
                "Leave it out."
            )
