"""MNIST (LeCun et al., 1998), as Keras downloads it."""

from __future__ import annotations

from datasets.benchmarks.keras_sets import read_keras
from datasets.manifest import Counts, Manifest
from datasets.settings import DataSettings

# Of the digits 0–4 there are 6903, 7877, 6990, 7141 and 6824 images.
EXPECTED = {"train": Counts(35735, 5), "test": Counts(34265, 5)}
CLASS_NAMES = tuple("0123456789")


def load(settings: DataSettings) -> Manifest:
    """The first five classes to train on and the last five for test; see ``read_keras``."""
    return read_keras("mnist", "mnist.npz", CLASS_NAMES)
