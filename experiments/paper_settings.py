"""The paper's numbers (arXiv 2209.09060, supplement), as data. Free of TensorFlow.

MLRC: four folds of the training classes, models of 128 dimensions. Conventional: one model of 512, selected by its
test scores.
"""

from __future__ import annotations

import math
from typing import Any

# Per data set, under both protocols. K proxies per class, b candidates per class.
PAPER: dict[str, dict[str, Any]] = {
    "cub": {"steps_per_epoch": 25, "proxies_per_class": 8, "pool_size": 12},
    "cars196": {"steps_per_epoch": 25, "proxies_per_class": 8, "pool_size": 12},
    "inshop": {"steps_per_epoch": 250, "proxies_per_class": 4, "pool_size": 7},
    "sop": {"steps_per_epoch": 250, "proxies_per_class": 4, "pool_size": 7},
}

MLRC: dict[str, Any] = {
    "learning_rate": 1e-5,
    "weight_decay": 1e-4,
    "classes_per_batch": 8,
    "examples_per_class": 4,
    "freeze_bn": True,
    "pooling": "average",
    "embedding_size": 128,
    "max_epochs": 10000,
    "early_stopping": 60,
    "monitor": "map_at_r",
    "memory_start_step": 1000,
    "validation": "fold1",
}

_HALVED_ON_A_PLATEAU = {
    "learning_rate_schedule": "plateau",
    "plateau_epochs": 4,
    "plateau_factor": 0.5,
    "min_learning_rate": 1e-6,
}
CONVENTIONAL: dict[str, dict[str, Any]] = {
    "every": {
        **_HALVED_ON_A_PLATEAU,
        "classes_per_batch": 32,
        "pooling": "average_max",
        "embedding_size": 512,
        "early_stopping": 15,
        "monitor": "precision_at_1",
        "validation": "test",
        "select_on_test": True,
    },
    "dataset": {
        "cub": {"learning_rate": 1e-5},
        "cars196": {"learning_rate": 1e-5},
        "inshop": {"learning_rate": 1e-4},
        "sop": {"learning_rate": 1e-4},
    },
    # The original's "ResNet50V2" builds version 1.
    "backbone": {name: {"classes_per_batch": 28, "weight_decay": 4e-4} for name in ("resnet50", "resnet50_v2")},
}

# ProxyAnchor, ProxyNCA++, SoftTriple and their like: one image per class, one epoch of the embedding layer and the
# proxies alone, and proxies that learn a hundred times as fast. CCP's own proxies do neither.
PROXY_BASELINE: dict[str, Any] = {"examples_per_class": 1, "warm_up_epochs": 1, "proxy_rate_multiplier": 100.0}

SOFT_TRIPLE_CENTERS = 10  # The original code's; the paper does not say.

# Batches that the small and the large cross-batch memory hold. The large one is what is used.
XBM_BATCHES = {"cub": (3, 25), "cars196": (3, 25), "inshop": (100, 400), "sop": (400, 1400)}

# Not in the paper: of the code of MDR's authors.
MDR_WEIGHTS = {"cub": 0.6, "cars196": 0.2, "inshop": 0.1, "sop": 0.1}

LOSS_NUMBERS: dict[str, dict[str, dict[str, float]]] = {
    "cosine_contrastive": {dataset: {"margin": 0.5} for dataset in PAPER},
    "contrastive": {
        "cub": {"pos_margin": 0.0, "neg_margin": 0.3841},
        "cars196": {"pos_margin": 0.2652, "neg_margin": 0.5409},
        "inshop": {"pos_margin": 0.2858, "neg_margin": 0.5130},
        "sop": {"pos_margin": 0.2858, "neg_margin": 0.5130},
    },
    "triplet": {
        "cub": {"margin": 0.0961},
        "cars196": {"margin": 0.1190},
        "inshop": {"margin": 0.0451},
        "sop": {"margin": 0.0451},
    },
    "multi_similarity": {
        "cub": {"alpha": 2.0, "beta": 40.0, "base": 0.5},
        "cars196": {"alpha": 14.35, "beta": 75.83, "base": 0.66},
        "inshop": {"alpha": 8.49, "beta": 57.38, "base": 0.41},
        "sop": {"alpha": 2.0, "beta": 40.0, "base": 0.5},
    },
    "soft_triple": {
        "cub": {"scale": 20.0, "gamma": 0.1, "tau": 0.2, "margin": 0.01},
        "cars196": {"scale": 17.69, "gamma": 19.18, "tau": 0.0669, "margin": 0.3588},
        "inshop": {"scale": 20.0, "gamma": 0.1, "tau": 0.2, "margin": 0.01},
        "sop": {"scale": 100.0, "gamma": 47.9, "tau": 0.2, "margin": 0.3145},
    },
    "proxy_anchor": {dataset: {"margin": 0.1, "scale": 32.0} for dataset in PAPER},
    "proxy_nca": {dataset: {"temperature": 0.1} for dataset in PAPER},
}

# Of each benchmark.
_TRAINING_CLASSES = {"cub": 100, "cars196": 98, "inshop": 3997, "sop": 11318}
_FOLDS = 4


def largest_batch(dataset: str, batch: int, conventional: bool | None) -> int:
    """Classes in a batch of one image each: as many as asked for, and never more than there are to train on.

    Under MLRC that is all classes but the largest fold.
    """
    classes = _TRAINING_CLASSES[dataset]
    return min(batch, classes if conventional else classes - math.ceil(classes / _FOLDS))
