"""CIFAR-10, as Keras fetches it."""

from __future__ import annotations

from datasets.benchmarks import keras_sets
from datasets.manifest import Manifest
from datasets.settings import DataSettings

EXPECTED = keras_sets.EXPECTED["cifar10"]


def load(data: DataSettings) -> Manifest:
    """See ``keras_sets.load``."""
    return keras_sets.load("cifar10")
