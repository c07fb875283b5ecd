"""The paper's settings (arXiv 2209.09060, supplement), as data. Free of TensorFlow.

MLRC: four folds of the training classes, models of 128 dimensions. Conventional: one model of 512, selected by its
test scores.
"""

from __future__ import annotations

import math
from typing import Any

from datasets.registry import DATA_SETS

_FOLDS = 4


def _by_data_set(**rows: tuple[Any, Any, Any, Any]) -> dict[str, dict[str, Any]]:
    """The columns of a table of the paper."""
    columns = enumerate(("cub", "cars196", "inshop", "sop"))
    return {dataset: {name: values[column] for name, values in rows.items()} for column, dataset in columns}


# Under both protocols. Of the paper's two cross-batch memories this is the larger one.
PAPER = _by_data_set(
    steps_per_epoch=(25, 25, 250, 250),
    proxies_per_class=(8, 8, 4, 4),  # K
    pool_size=(12, 12, 7, 7),  # b
    memory_batches=(25, 25, 400, 1400),
    distance_weight=(0.6, 0.2, 0.1, 0.1),  # Not in the paper: of the code of MDR's authors.
)

# Losses with the same hyperparameters for all data sets have them as their defaults.
HYPERPARAMETERS = {
    "contrastive": _by_data_set(pos_margin=(0.0, 0.2652, 0.2858, 0.2858), neg_margin=(0.3841, 0.5409, 0.5130, 0.5130)),
    "triplet": _by_data_set(margin=(0.0961, 0.1190, 0.0451, 0.0451)),
    "multi_similarity": _by_data_set(
        alpha=(2.0, 14.35, 8.49, 2.0), beta=(40.0, 75.83, 57.38, 40.0), base=(0.5, 0.66, 0.41, 0.5)
    ),
    "soft_triple": _by_data_set(
        scale=(20.0, 17.69, 20.0, 100.0),
        gamma=(0.1, 19.18, 0.1, 47.9),
        tau=(0.2, 0.0669, 0.2, 0.2),
        margin=(0.01, 0.3588, 0.01, 0.3145),
    ),
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

# Over those of MLRC: for all, by data set, and by backbone.
CONVENTIONAL: dict[str, Any] = {
    "learning_rate_schedule": "plateau",
    "plateau_epochs": 4,
    "plateau_factor": 0.5,
    "min_learning_rate": 1e-6,
    "classes_per_batch": 32,
    "pooling": "average_max",
    "embedding_size": 512,
    "early_stopping": 15,
    "monitor": "precision_at_1",
    "validation": "test",
    "select_on_test": True,
}
CONVENTIONAL_BY_DATA_SET = _by_data_set(learning_rate=(1e-5, 1e-5, 1e-4, 1e-4))
# The original's "ResNet50V2" builds version 1.
CONVENTIONAL_BY_BACKBONE = {
    name: {"classes_per_batch": 28, "weight_decay": 4e-4} for name in ("resnet50", "resnet50_v2")
}

# ProxyAnchor, ProxyNCA++, SoftTriple and their like: one image per class, one epoch of the embedding layer and the
# proxies alone, and proxies that learn a hundred times as fast. CCP's own proxies do neither.
PROXY_BASELINE: dict[str, Any] = {"examples_per_class": 1, "warm_up_epochs": 1, "proxy_rate_multiplier": 100.0}

SOFT_TRIPLE_CENTERS = 10  # The original code's; the paper does not say.


def largest_batch(dataset: str, batch: int, conventional: bool) -> int:
    """Classes in a batch of one image per class: ``batch``, but never more than there are to train on.

    Under MLRC that is all classes but the largest fold.
    """
    classes = DATA_SETS[dataset].expected["train"].classes
    return min(batch, classes if conventional else classes - math.ceil(classes / _FOLDS))
