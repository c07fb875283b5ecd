"""The embedded default."""

import numpy as np
from sklearn.datasets import load_digits

from datasets.benchmarks import digits
from datasets.checks import check
from datasets.manifest import Counts
from datasets.settings import DataSettings
from tests.support.tensors import TensorTest


class DigitsTest(TensorTest):
    def test_counts(self):
        manifest = digits.load(DataSettings())
        check(manifest, {"train": Counts(901, 5), "test": Counts(896, 5)})
        self.assertEqual(manifest.class_names, tuple("0123456789"))
        self.assertAllEqual(manifest.splits == "train", manifest.labels < 5)
        # Of all 1,797; the first five are 901.
        self.assertAllEqual(np.bincount(manifest.labels), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])

    def test_grey_levels(self):
        # 0 … 16 become 0 … 255: 255 / 16 = 15.9375, so 8 becomes 127.5, rounded to the even 128.
        bunch, manifest = load_digits(), digits.load(DataSettings())
        self.assertEqual((manifest.pixels.shape, manifest.pixels.dtype), ((1797, 8, 8, 1), np.uint8))
        self.assertEqual((manifest.pixels.min(), manifest.pixels.max()), (0, 255))
        self.assertAllEqual(manifest.pixels[..., 0], np.rint(bunch.images * 15.9375))
        self.assertAllEqual(manifest.labels, bunch.target)
        # The first image of all, a 0, begins 0 0 5 13 9 1 0 0.
        self.assertAllEqual(manifest.pixels[0, 0, :, 0], [0, 0, 80, 207, 143, 16, 0, 0])
