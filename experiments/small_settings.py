"""Small settings that train from scratch, as data. Free of TensorFlow.

A data set without an entry gets those of its kind: photographs if each image is a file, small pictures otherwise.
"""

from __future__ import annotations

from typing import Any

from datasets.registry import DATA_SETS

# A network that learns fast soon outdates its proxies: at these learning rates that is a projection after every epoch.
# The first proxies wait until the embedding layer, which starts at random, has learned something.
_PROJECTION = {"projection": "staleness", "staleness": 1e-3, "proxy_start_epoch": 5}
_PICTURES = {"image_size": 28, "learning_rate": 1e-3, "steps_per_epoch": 50, "max_epochs": 60, **_PROJECTION}
_PHOTOGRAPHS = {"image_size": 64, "learning_rate": 1e-3, "steps_per_epoch": 50, "max_epochs": 200, **_PROJECTION}
# Pools of thousands of classes cost more than the epochs between them.
_RARELY = {"projection": "plateau"}
# A quarter of a written character may be cut off; a mirrored one is another character.
_WRITING = {"min_crop_area": 0.75, "max_crop_aspect": 1.15, "flip": False}

_DEPARTURES: dict[str, dict[str, Any]] = {
    "digits": {
        **_WRITING,
        "image_size": 16,
        "width": 32,
        "embedding_size": 16,
        "classes_per_batch": 5,
        "examples_per_class": 6,
        "steps_per_epoch": 10,
        "early_stopping": 20,
        "proxies_per_class": 4,
        "memory_start_step": 50,
        "virtual_start_step": 50,
        "validation": "images",
        "projection": "plateau",
        "proxy_start_epoch": 0,
    },
    "typefaces": {**_WRITING, "max_epochs": 30, "validation": "fold1", "proxy_start_epoch": 0},
    "omniglot": {**_WRITING, "validation": "fold1"},
    "mnist": {**_WRITING, "classes_per_batch": 5, "examples_per_class": 6, "validation": "images"},
    "cifar10": {"image_size": 32, "classes_per_batch": 5, "validation": "images"},
    "cifar100": {"image_size": 32, "validation": "fold1"},
    "cub": {"validation": "fold1"},
    "cars196": {"validation": "fold1"},
    "sop": {**_RARELY, "steps_per_epoch": 250, "validation": "fold1"},
    "grocery": {"validation": "fold1"},
    "inshop": {**_RARELY, "steps_per_epoch": 250, "validation": "fold1"},
}

# Without labels, each image gives two views: the other images of a batch are the negatives, so it holds many.
LOSS_WITHOUT_LABELS = "nt_xent"
_TWO_VIEWS = {"classes_per_batch": 64, "examples_per_class": 2, "validation": "auto"}
# Views have to differ in what does not matter. SimCLR's colours at half strength, as here every view is changed.
_COLORS = {"brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "hue": 0.1, "grey": 0.2, "blur": 0.5}
_VIEWS_OF_PHOTOGRAPHS = {"min_crop_area": 0.08, **_COLORS}
_VIEWS_OF_WRITING = {"min_crop_area": 0.4, "max_crop_aspect": 4 / 3, "rotation": 15.0}


def small_settings(dataset: str) -> dict[str, Any]:
    """The settings of a data set for a network that is trained from scratch."""
    kind = _PHOTOGRAPHS if DATA_SETS[dataset].in_files else _PICTURES
    return {**kind, **_DEPARTURES.get(dataset, {})}


def without_labels(dataset: str) -> dict[str, Any]:
    """What differs from the settings of a data set when it is trained on without labels."""
    is_writing = _WRITING.items() <= _DEPARTURES.get(dataset, {}).items()
    return {**_TWO_VIEWS, **(_VIEWS_OF_WRITING if is_writing else _VIEWS_OF_PHOTOGRAPHS)}
