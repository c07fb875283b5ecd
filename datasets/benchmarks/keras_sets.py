"""Data sets that Keras downloads, cut into classes to train on and unseen ones."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from datasets.manifest import TEST, TRAIN, DataError, Entry, Manifest, assemble


def read_keras(name: str, archive: str, class_names: Sequence[str]) -> Manifest:
    """The first half of the classes to train on and the second half for test.

    Keras' own two splits, which hold the same classes, are joined: its training images come first.

    Args:
      name: of the module in ``tf.keras.datasets``.
      archive: the file's name in Keras' own folder.
      class_names: in label order.

    Raises:
      DataError: Keras does not have the data set and cannot download it.
    """
    (first_images, first_labels), (more_images, more_labels) = _download(name, archive)
    images = np.concatenate([first_images, more_images])
    labels = np.concatenate([first_labels, more_labels]).reshape(-1)
    num_train_classes = len(class_names) // 2
    entries = [
        Entry(f"{name}/{index:05d}", class_names[label], TRAIN if label < num_train_classes else TEST)
        for index, label in enumerate(labels.tolist())
    ]
    return assemble(name, "", entries, class_names, images.reshape(*images.shape[:3], -1))


def _download(name: str, archive: str) -> tuple:
    """Images and labels of Keras' training split, and of its test split."""
    import tensorflow as tf

    from ccp.keras_api import downloaded_file

    try:
        return getattr(tf.keras.datasets, name).load_data()
    # Keras raises a plain Exception where it cannot download, and what tar, zip and pickle raise for damaged files.
    except Exception as error:
        folder, file = os.path.split(downloaded_file(archive))
        raise DataError(
            f"Keras does not have {name} and cannot download it ({error}). Without a network, download the file where "
            f"there is one and put it into {folder} as {file}; if it is there, it is damaged: remove it first."
        ) from error
