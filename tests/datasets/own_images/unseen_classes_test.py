"""Which classes are for test."""

import random

from absl.testing import parameterized

from datasets.manifest import DataError
from datasets.own_images import unseen_classes
from tests.support.tensors import TensorTest


class NaturalOrderTest(TensorTest):
    @parameterized.parameters(
        (["class1", "class2", "class10", "class10a", "class11"],),
        (["", "1", "01", "2", "a", "a1b2", "a1b10", "b"],),  # As long as they are equal, as they are spelled.
        (["x" + "9" * 5000, "x1" + "0" * 5000],),  # More digits than Python turns into a number.
    )
    def test_order(self, names):
        expected = ["", "01", "1", *names[3:]] if names[0] == "" else names
        self.assertEqual(unseen_classes.natural_order(random.Random(0).sample(names, len(names))), expected)


class TestClassesTest(TensorTest):
    @parameterized.parameters(
        (4, 0.5, 2),
        (5, 0.5, 3),  # 2.5, halves up.
        (10, 0.2, 2),
        (100, 0.29, 29),  # 28.999… in floating point.
        (10, 0.84, 8),
    )
    def test_the_last_ones(self, num_classes, fraction, num_test):
        names = [f"c{index}" for index in range(num_classes)]
        self.assertEqual(unseen_classes.test_classes("folder", names, fraction), set(names[num_classes - num_test :]))

    def test_none(self):
        self.assertEmpty(unseen_classes.test_classes("folder", ["a"], 0.0))

    @parameterized.parameters(0.0, 0.5)
    def test_no_classes(self, fraction):
        with self.assertRaisesRegex(
            DataError, "folder: no images of any class. Make one folder of images for each class"
        ):
            unseen_classes.test_classes("folder", [], fraction)

    @parameterized.parameters((3, 0.5, 1, 2), (10, 0.1, 9, 1), (10, 0.9, 1, 9), (10, 1.5, -5, 15))
    def test_too_few(self, num_classes, fraction, num_train, num_test):
        with self.assertRaisesRegex(
            DataError,
            f"2 classes each; --test_fraction={fraction} of {num_classes} leaves {num_train} .* {num_test} ",
        ):
            unseen_classes.test_classes("folder", [f"c{index}" for index in range(num_classes)], fraction)
