"""Names in the original code and in the field, so that its command lines keep their meaning. Free of TensorFlow."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
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

# What the field calls flags that have other names here.
_USUAL_NAMES = {
    "batch_size": ("classes_per_batch", "examples_per_class"),
    "lr": ("learning_rate",),
    "scheduler": ("learning_rate_schedule",),
    "optim": ("optimizer",),
    "wd": ("weight_decay",),
    "epochs": ("max_epochs",),
    "num_epochs": ("max_epochs",),
    "arch": ("backbone",),
    "network": ("backbone",),
    "pretrained": ("weights",),
    "checkpoint": ("weights",),
    "dim": ("embedding_size",),
    "embedding_dim": ("embedding_size",),
    "input_size": ("image_size",),
    "crop_size": ("image_size",),
    "samples_per_class": ("examples_per_class",),
    "images_per_class": ("examples_per_class",),
    "data": ("data_dir",),
    "data_path": ("data_dir",),
    "root": ("data_dir",),
    "output_dir": ("run_dir",),
    "save_dir": ("run_dir",),
    "log_dir": ("run_dir",),
    "logdir": ("run_dir",),
    "resume": ("run_dir",),
    "amp": ("mixed_precision",),
    "fp16": ("mixed_precision",),
    "random_seed": ("seed",),
    "grad_clip": ("clip_norm",),
}


def usual_names(name: str, known: Collection[str]) -> tuple[str, ...]:
    """The flags, if they are among the known ones, of what the field calls ``name``; empty if there are none."""
    meant = _USUAL_NAMES.get(name, ())
    return meant if set(meant) <= set(known) else ()


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
        settings["loss"] = re.sub(r"\w+", lambda word: _LOSSES.get(word[0], word[0]), settings["loss"])
    if settings.get("pooling") == "GlobalPooling":
        del settings["pooling"]
    return settings
