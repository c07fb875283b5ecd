"""Settings that go with a data set, where they differ from the defaults in ``ccp.config``.

Digits and Omniglot train a small network from scratch, hence the larger learning rate.
"""

from __future__ import annotations

DATASET_PRESETS = {
    "digits": {
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
    "omniglot": {
        "image_size": 28,
        "width": 64,
        "embedding_size": 128,
        "learning_rate": 1e-3,
        "classes_per_batch": 8,
        "examples_per_class": 4,
        "steps_per_epoch": 50,
        "max_epochs": 60,
        "early_stopping": 60,
        "proxies_per_class": 8,
        "pool_size": 12,
        "validation": "fold1",
    },
}
