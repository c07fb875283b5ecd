"""Held-out classes and held-out images."""

import numpy as np
from absl.testing import parameterized

from datasets.manifest import DataError, Entry, Manifest, assemble
from datasets.splits import fold_classes, held_out_images, make_splits


def _manifest(train: int, test: int, per_class: int, validation: int = 0) -> Manifest:
    """Images hold their class in one pixel and their number in it in the other; test classes come last."""
    count = train + validation + test
    entries = [
        Entry(f"{c}/{i}", f"class {c}", "train" if c < train else "validation" if c < train + validation else "test")
        for c in range(count)
        for i in range(per_class)
    ]
    pixels = np.array([[c, i] for c in range(count) for i in range(per_class)], np.uint8).reshape(-1, 1, 2, 1)
    return assemble("made up", "", entries, [f"class {c}" for c in range(count)], pixels)


class FoldsTest(parameterized.TestCase):
    @parameterized.parameters((1, 73, 98), (2, 49, 73), (3, 24, 49), (4, 0, 24))
    def test_98_classes(self, fold, first, end):
        # Cars196: 98 / 4 = 24.5, so floor(linspace(0, 98, 5)) = 0, 24, 49, 73, 98; fold f validates on quarter 4 − f.
        train, held_out = fold_classes(98, fold)
        np.testing.assert_array_equal(held_out, np.arange(first, end))
        np.testing.assert_array_equal(train, [c for c in range(98) if not first <= c < end])

    @parameterized.parameters(
        (100, [25, 25, 25, 25]),  # CUB.
        (11318, [2829, 2830, 2829, 2830]),  # SOP: 2829.5 a quarter; cuts 0, 2829, 5659, 8488, 11318.
        (3997, [999, 999, 999, 1000]),  # In-Shop: 999.25; cuts 0, 999, 1998, 2997, 3997.
        (4, [1, 1, 1, 1]),
        (5, [1, 1, 1, 2]),  # 1.25; cuts 0, 1, 2, 3, 5.
    )
    def test_quarters(self, num_classes, sizes):
        held_out = [fold_classes(num_classes, fold)[1] for fold in (4, 3, 2, 1)]
        self.assertEqual([len(quarter) for quarter in held_out], sizes)
        np.testing.assert_array_equal(np.concatenate(held_out), np.arange(num_classes))

    @parameterized.parameters((98, 0), (98, 5), (98, -1), (3, 1))
    def test_no_such_fold(self, num_classes, fold):
        with self.assertRaisesRegex(DataError, f"Fold {fold} of {num_classes} classes"):
            fold_classes(num_classes, fold)

    @parameterized.parameters(1, 2, 3, 4)
    def test_split_by_classes(self, fold):
        splits = make_splits(_manifest(9, 2, per_class=3), f"fold{fold}", seed=0)
        train_classes, held_out = fold_classes(9, fold)
        for examples, classes in ((splits.train, train_classes), (splits.validation, held_out), (splits.test, [9, 10])):
            # The pixel is the class in the manifest: images keep their class, whose label counts from 0.
            np.testing.assert_array_equal(examples.images.pixels[:, 0, 0, 0], np.asarray(classes)[examples.labels])
            np.testing.assert_array_equal(examples.labels, np.repeat(np.arange(len(classes)), 3))
            self.assertEqual(examples.class_names, tuple(f"class {c}" for c in classes))
        self.assertEmpty(set(splits.train.class_names) & set(splits.validation.class_names))
        self.assertEqual(len(splits.train) + len(splits.validation), 27)
        self.assertIn(f"quarter {5 - fold} of 4", splits.validation_source)

    def test_a_fold_of_one_class(self):
        with self.assertRaisesRegex(DataError, "Fold 4 of 5 classes holds out 1"):
            make_splits(_manifest(5, 2, per_class=3), "fold4", seed=0)


class GivenValidationTest(parameterized.TestCase):
    @parameterized.parameters("auto", "given")
    def test_is_taken(self, validation):
        splits = make_splits(_manifest(3, 2, per_class=2, validation=2), validation, seed=0)
        self.assertEqual((len(splits.train), len(splits.validation), len(splits.test)), (6, 4, 4))
        self.assertEqual(splits.validation.class_names, ("class 3", "class 4"))
        np.testing.assert_array_equal(splits.validation.labels, [0, 0, 1, 1])
        self.assertIn("own validation split", splits.validation_source)

    @parameterized.parameters("images", "fold2")
    def test_is_not_left_unused(self, validation):
        with self.assertRaisesRegex(DataError, "has validation images.*Leave --validation out"):
            make_splits(_manifest(8, 2, per_class=3, validation=2), validation, seed=0)

    def test_auto_falls_back_to_images(self):
        auto, images = (
            make_splits(_manifest(4, 2, per_class=5), validation, seed=3) for validation in ("auto", "images")
        )
        np.testing.assert_array_equal(auto.validation.images.pixels, images.validation.images.pixels)

    def test_there_is_none(self):
        with self.assertRaisesRegex(DataError, "has no validation images"):
            make_splits(_manifest(4, 2, per_class=5), "given", seed=3)


class HeldOutImagesTest(parameterized.TestCase):
    @parameterized.parameters(
        (3, 2),  # At least 2, so that each has a reference, and 1 left to train on.
        (4, 2),
        (9, 2),  # 1.8.
        (13, 3),  # 2.6.
        (20, 4),
        (181, 36),  # 36.2; a digit.
    )
    def test_a_fifth_of_each_class(self, per_class, expected):
        labels = np.random.default_rng(0).permutation(np.repeat(np.arange(6), per_class))
        held_out = held_out_images(labels, 0.2, seed=1)
        self.assertEqual(held_out.dtype, bool)
        np.testing.assert_array_equal(np.bincount(labels[held_out]), [expected] * 6)

    def test_never_all(self):
        held_out = held_out_images(np.repeat([0, 1], 5), fraction=1.0, seed=0)
        self.assertEqual(held_out.sum(), 8)

    def test_follows_the_seed(self):
        labels = np.repeat(np.arange(5), 20)
        first, again, other = (held_out_images(labels, 0.2, seed) for seed in (3, 3, 4))
        np.testing.assert_array_equal(first, again)
        self.assertTrue((first != other).any())

    def test_small_classes_give_none(self):
        held_out = held_out_images(np.repeat([0, 1, 2, 3], [4, 2, 1, 3]), 0.2, seed=0)
        np.testing.assert_array_equal([examples.sum() for examples in np.split(held_out, [4, 6, 7])], [2, 0, 0, 2])

    def test_too_few_images(self):
        with self.assertRaisesRegex(DataError, "needs at least 2 classes of 3 images; 1 have as many"):
            held_out_images(np.array([0, 0, 0, 1, 1]), 0.2, seed=0)

    def test_split_by_images(self):
        splits = make_splits(_manifest(5, 2, per_class=10), "images", seed=2)
        self.assertEqual((len(splits.train), len(splits.validation)), (40, 10))
        for examples in (splits.train, splits.validation):
            np.testing.assert_array_equal(examples.images.pixels[:, 0, 0, 0], examples.labels)
            self.assertEqual(examples.class_names, tuple(f"class {c}" for c in range(5)))
        seen = [
            tuple(image.ravel()) for examples in (splits.train, splits.validation) for image in examples.images.pixels
        ]
        self.assertLen(set(seen), 50)
        self.assertIn("20% of each training class's images", splits.validation_source)
