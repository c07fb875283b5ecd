"""CIFAR-10 (Krizhevsky, 2009), as Keras downloads it."""

from __future__ import annotations

from datasets.benchmarks.keras_sets import read_keras
from datasets.manifest import Counts, Manifest
from datasets.settings import DataSettings

# 6,000 images of each class.
EXPECTED = {"train": Counts(30000, 5), "test": Counts(30000, 5)}
CLASS_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load(settings: DataSettings) -> Manifest:
    """The first five classes to train on and the last five for test; see ``read_keras``."""
    return read_keras("cifar10", "cifar-10-batches-py.tar.gz", CLASS_NAMES)
