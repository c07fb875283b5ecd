"""The embedded default: scikit-learn's handwritten digits."""

from __future__ import annotations

import numpy as np

from datasets.manifest import TEST, TRAIN, Entry, Manifest, assemble
from datasets.settings import DataSettings

_TRAIN_DIGITS = range(5)


def load(settings: DataSettings) -> Manifest:
    """Digits 0–4 to train on and 5–9 for test: 1,797 real images of 8 × 8, no download.

    (Optical recognition of handwritten digits, E. Alpaydin and C. Kaynak, UCI.) The grey levels 0 … 16 are
    spread over 0 … 255.
    """
    from sklearn.datasets import load_digits  # Slow to import.

    bunch = load_digits()
    images = np.rint(bunch.images * (255.0 / 16.0)).astype(np.uint8)[..., np.newaxis]
    entries = [
        Entry(f"digits/{index:04d}", str(digit), TRAIN if digit in _TRAIN_DIGITS else TEST)
        for index, digit in enumerate(bunch.target)
    ]
    return assemble("digits", "", entries, "0123456789", images)
