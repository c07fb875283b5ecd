"""Settings that go with a data set, where they differ from the defaults in ``ccp.config``.

All train a small network from scratch, hence the larger learning rate.
"""

from __future__ import annotations

_WRITING = {
    # A quarter of a written character may be cut off; a mirrored one is another character.
    "min_crop_area": 0.75,
    "max_crop_aspect": 1.15,
    "flip": False,
}
_SMALL_PICTURES = {"image_size": 28, "learning_rate": 1e-3, "steps_per_epoch": 50, "max_epochs": 60}
_PHOTOGRAPHS = {"image_size": 64, "learning_rate": 1e-3, "steps_per_epoch": 50, "max_epochs": 200}
# Many classes of few images each: the paper's numbers for SOP and In-Shop.
_MANY_CLASSES = {"steps_per_epoch": 250, "proxies_per_class": 4, "pool_size": 7}

DATASET_PRESETS = {
    "digits": {
        **_WRITING,
        "image_size": 16,
        "width": 32,
        "embedding_size": 16,
        "learning_rate": 1e-3,
        "classes_per_batch": 5,
        "examples_per_class": 6,
        "steps_per_epoch": 10,
        "max_epochs": 60,
        "early_stopping": 20,
        "proxies_per_class": 4,
        "pool_size": 12,
        "memory_start_step": 50,
        "validation": "images",
    },
    "omniglot": {**_WRITING, **_SMALL_PICTURES, "validation": "fold1"},
    "mnist": {**_WRITING, **_SMALL_PICTURES, "classes_per_batch": 5, "examples_per_class": 6, "validation": "images"},
    "cifar10": {**_SMALL_PICTURES, "image_size": 32, "classes_per_batch": 5, "validation": "images"},
    "cifar100": {**_SMALL_PICTURES, "image_size": 32, "validation": "fold1"},
    "cub": {**_PHOTOGRAPHS, "validation": "fold1"},
    "cars196": {**_PHOTOGRAPHS, "validation": "fold1"},
    "sop": {**_PHOTOGRAPHS, **_MANY_CLASSES, "validation": "fold1"},
    "inshop": {**_PHOTOGRAPHS, **_MANY_CLASSES, "validation": "fold1"},
    "folder": _PHOTOGRAPHS,
    "csv": _PHOTOGRAPHS,
}
