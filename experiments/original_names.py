"""The original code's names, so that its command lines keep their meaning. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DATASETS = {
    "CUB200_2011": "cub",
    "Cars196": "cars196",
    "SOP": "sop",
    "InShop": "inshop",
    "Cifar10": "cifar10",
    "Cifar100": "cifar100",
}
_BACKBONES = {
    "BNInception": "bn_inception",
    "ResNet50V2": "resnet50",  # Which is version 1 there.
}
_LOSSES = {"original_contrastive": "cosine_contrastive"}

# Its flags that do not exist here, and what replaces them.
FORMER_FLAGS = {
    "cfg": "settings follow from --dataset, --loss and --conventional; main.py presets shows them",
    "device": "choose the device with the environment variable CUDA_VISIBLE_DEVICES",
    "model": "hold out one fold with --validation=fold1, … or train all with main.py mlrc",
    "overwrite": "runs are resumed; start anew in another --run_dir",
    "save": "runs are always saved",
}


def renamed(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with the original's names for data sets, networks, losses and pooling replaced by those used here.

    Its one pooling, ``GlobalPooling``, is average pooling or, in the conventional setting, the sum of both kinds: what
    the presets say anyway.
    """
    settings = dict(given)
    for name, names in (("dataset", _DATASETS), ("backbone", _BACKBONES)):
        if name in settings:
            settings[name] = names.get(settings[name], settings[name])
    if "loss" in settings:
        method, slash, pair_loss = settings["loss"].rpartition("/")
        settings["loss"] = method + slash + _LOSSES.get(pair_loss, pair_loss)
    if settings.get("pooling") == "GlobalPooling":
        del settings["pooling"]
    return settings
