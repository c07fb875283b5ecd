"""The embedded default."""

import numpy as np
from absl.testing import absltest
from sklearn.datasets import load_digits

from datasets import digits


class DigitsTest(absltest.TestCase):
    def test_counts(self):
        train, test = digits.load()
        self.assertEqual((len(train), len(test)), (901, 896))
        self.assertEqual((train.class_names, test.class_names), (tuple("01234"), tuple("56789")))
        # Of all 1,797: 178, 182, 177, 183, 181 and 182, 181, 179, 174, 180.
        np.testing.assert_array_equal(np.bincount(train.labels), [178, 182, 177, 183, 181])
        np.testing.assert_array_equal(np.bincount(test.labels), [182, 181, 179, 174, 180])

    def test_grey_levels(self):
        # 0 … 16 become 0 … 255: 255 / 16 = 15.9375, so 8 becomes 127.5, rounded to the even 128.
        bunch = load_digits()
        train, test = digits.load()
        for examples, first in ((train, 0), (test, 5)):
            self.assertEqual((examples.images.shape[1:], examples.images.dtype), ((8, 8, 1), np.uint8))
            self.assertEqual((examples.images.min(), examples.images.max()), (0, 255))
            own = (bunch.target >= first) & (bunch.target < first + 5)
            np.testing.assert_array_equal(examples.images[..., 0], np.rint(bunch.images[own] * 15.9375))
            np.testing.assert_array_equal(examples.labels + first, bunch.target[own])
        # The first image of all, a 0, begins 0 0 5 13 9 1 0 0.
        np.testing.assert_array_equal(train.images[0, 0, :, 0], [0, 0, 80, 207, 143, 16, 0, 0])
