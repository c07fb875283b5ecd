"""Class labels as NumPy arrays. Free of TensorFlow."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccp.errors import ConfigError


def class_labels(labels: Any, num_rows: int, who: str) -> np.ndarray:
    """The labels of some images or embeddings as a vector.

    Args:
      labels: [num_rows] or [num_rows, 1]: integers, booleans or strings.
      num_rows: how many there have to be.
      who: what needs them, for messages.

    Returns:
      [num_rows] int64, or strings.

    Raises:
      ConfigError: labels are one-hot or of another shape, too few or too many, or floating-point numbers.
    """
    labels = np.asarray(labels)
    if labels.ndim == 2 and labels.shape[1] > 1:
        raise ConfigError(
            f"{who} needs a class for each of {num_rows}, in labels of shape [{num_rows}] or [{num_rows}, 1]; got "
            f"{labels.shape}. For one-hot labels pass labels.argmax(axis=1)."
        )
    if labels.shape not in ((num_rows,), (num_rows, 1)):
        raise ConfigError(f"{who} needs a label for each of {num_rows}; got labels of shape {labels.shape}.")
    labels = labels.reshape(-1)
    if labels.dtype.kind in "OS":  # As TensorFlow and pandas have strings.
        texts = [label.decode() if isinstance(label, bytes) else label for label in labels]
        labels = np.array(texts) if all(isinstance(text, str) for text in texts) else labels
    if labels.dtype.kind == "U":
        return labels
    if labels.dtype.kind not in "biu":
        raise ConfigError(
            f"{who} needs labels that are integers, booleans or strings; got {labels.dtype}. Whole numbers become "
            "integers by labels.astype(int)."
        )
    if labels.size and labels.max() > np.iinfo(np.int64).max:
        raise ConfigError(f"{who} needs labels that fit into int64; got {labels.max()}.")
    # One type for all: NumPy compares int64 with uint64 as floats, which takes neighbours above 2**53 for equal.
    return labels.astype(np.int64)
