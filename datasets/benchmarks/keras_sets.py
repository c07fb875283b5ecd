"""CIFAR and MNIST, as Keras fetches them, cut into classes to train on and unseen ones."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np

from datasets.benchmarks.keras_class_names import CIFAR10, CIFAR100, MNIST
from datasets.manifest import TEST, TRAIN, Counts, DataError, Entry, Manifest, assemble


class _Source(NamedTuple):
    """Where Keras has a data set from.

    Attributes:
      archive: what the file is called in Keras' own folder.
      class_names: in label order.
    """

    archive: str
    class_names: tuple[str, ...]


_SOURCES = {
    # Keras stores these two under other names than those of the files that it fetches.
    "cifar10": _Source("cifar-10-batches-py.tar.gz", CIFAR10),
    "cifar100": _Source("cifar-100-python.tar.gz", CIFAR100),
    "mnist": _Source("mnist.npz", MNIST),
}

# CIFAR has as many images of each class, 6,000 or 600. MNIST's digits 0–4: 6903, 7877, 6990, 7141, 6824 images.
EXPECTED = {
    "cifar10": {"train": Counts(30000, 5), "test": Counts(30000, 5)},
    "cifar100": {"train": Counts(30000, 50), "test": Counts(30000, 50)},
    "mnist": {"train": Counts(35735, 5), "test": Counts(34265, 5)},
}


def load(name: str) -> Manifest:
    """The first half of the classes to train on and the second half to judge on.

    Keras' own two parts, which hold the same classes, are joined: its training images come first. CIFAR-100 has
    its 100 fine classes.

    Args:
      name: one of ``EXPECTED``.

    Raises:
      DataError: Keras has not got it and cannot fetch it.
    """
    source = _SOURCES[name]
    (first_images, first_labels), (more_images, more_labels) = _fetched(name, source)
    images = np.concatenate([first_images, more_images])
    labels = np.concatenate([first_labels, more_labels]).reshape(-1)
    num_train_classes = len(source.class_names) // 2
    entries = [
        Entry(f"{name}/{index:05d}", source.class_names[label], TRAIN if label < num_train_classes else TEST)
        for index, label in enumerate(labels.tolist())
    ]
    return assemble(name, "", entries, source.class_names, images.reshape(*images.shape[:3], -1))


def _fetched(name: str, source: _Source) -> tuple:
    """What Keras gives: images and labels of its training part, and of its test part."""
    import tensorflow as tf  # Here, since all that reads a table of data sets would wait for it.

    try:
        return getattr(tf.keras.datasets, name).load_data()
    # Keras raises a plain Exception where it cannot fetch, and what tar, zip and pickle raise for damaged files.
    except Exception as error:
        folder = os.path.join(os.path.expanduser("~"), ".keras", "datasets")
        raise DataError(
            f"Keras has not got {name} and cannot fetch it ({error}). Without a network, fetch the file where there is "
            f"one and put it into {folder} as {source.archive}; if it is there, it is damaged: remove it first."
        ) from error
