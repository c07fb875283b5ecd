"""The embedded default: scikit-learn's handwritten digits."""

from __future__ import annotations

import numpy as np
from sklearn.datasets import load_digits

from datasets.manifest import Examples

TRAIN_DIGITS = np.arange(0, 5)
TEST_DIGITS = np.arange(5, 10)


def load(data_dir: str = "") -> tuple[Examples, Examples]:
    """Digits 0–4 to train on and 5–9 to judge on: 1,797 real images of 8 × 8, no download.

    (Optical recognition of handwritten digits, E. Alpaydin and C. Kaynak, UCI.) The grey levels 0 … 16 are
    spread over 0 … 255.
    """
    del data_dir  # They come with scikit-learn.
    bunch = load_digits()
    images = np.rint(bunch.images * (255.0 / 16.0)).astype(np.uint8)[..., np.newaxis]
    digits = Examples(images, bunch.target.astype(np.int64), tuple(str(d) for d in range(10)))
    return digits.of_classes(TRAIN_DIGITS), digits.of_classes(TEST_DIGITS)
