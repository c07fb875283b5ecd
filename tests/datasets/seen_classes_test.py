"""Images held out of classes that are all trained on."""

from __future__ import annotations

import numpy as np
from absl.testing import parameterized

from datasets.manifest import DataError, Entry, Manifest, assemble
from datasets.seen_classes import are_classes_seen, num_held_out, seen_class_note, seen_class_splits
from datasets.settings import DataSettings

OWN = DataSettings(dataset="folder", data_dir="d", test_fraction=0.0)


def _manifest(sizes: list[int], validation: int = 0, test: int = 0) -> Manifest:
    """Classes of these sizes to train on, and two images each of further ones; an image holds its path's numbers."""
    splits = ["train"] * len(sizes) + ["validation"] * validation + ["test"] * test
    sizes = [*sizes, *[2] * (validation + test)]
    numbers = [(c, i) for c, size in enumerate(sizes) for i in range(size)]
    entries = [Entry(f"{c}/{i}", f"class {c}", splits[c]) for c, i in numbers]
    return assemble(
        "made up", "", entries, [f"class {c}" for c in range(len(sizes))], np.uint8(numbers)[:, None, :, None]
    )


def _numbers(examples, role=None) -> list[tuple[int, int]]:
    chosen = examples.images.pixels if role is None else examples.images.pixels[examples.roles == role]
    return [tuple(image.ravel()) for image in chosen]


class WhenTest(parameterized.TestCase):
    def test_of_ones_own_images_without_a_class_for_test(self):
        self.assertTrue(are_classes_seen(_manifest([3, 3]), OWN))
        self.assertTrue(are_classes_seen(_manifest([3, 3], validation=1), DataSettings(dataset="csv")))
        self.assertFalse(are_classes_seen(_manifest([3, 3], test=1), OWN))
        self.assertFalse(are_classes_seen(_manifest([3, 3]), DataSettings(dataset="cub", allow_subset=True)))


class SeenClassSplitsTest(parameterized.TestCase):
    @parameterized.parameters(
        (1, 0, 0),  # Is trained on, and is among what is searched.
        (2, 1, 0),
        (3, 1, 1),
        (7, 1, 1),  # 1.4.
        (8, 2, 2),  # 1.6.
        (20, 4, 4),
    )
    def test_a_fifth_and_a_fifth(self, size, test, selecting):
        self.assertEqual(num_held_out(size), (test, selecting))
        splits = seen_class_splits(_manifest([size, 10, 10]), OWN, seed=0)
        counts = [
            sum(c == 0 for c, _ in _numbers(examples, role))
            for examples, role in ((splits.test, "query"), (splits.validation, "query"), (splits.train, None))
        ]
        self.assertEqual(counts, [test, selecting, size - test - selecting])

    def test_every_image_is_in_one_split_and_training_images_are_searched(self):
        sizes = [1, 2, 3, 12]
        splits = seen_class_splits(_manifest(sizes), OWN, seed=3)
        held_out = _numbers(splits.test, "query") + _numbers(splits.validation, "query")
        self.assertCountEqual(
            held_out + _numbers(splits.train), [(c, i) for c, n in enumerate(sizes) for i in range(n)]
        )
        for examples in (splits.test, splits.validation):
            self.assertEqual(_numbers(examples, "gallery"), _numbers(splits.train))
            np.testing.assert_array_equal(examples.images.pixels[:, 0, 0, 0], examples.labels)
            self.assertEqual(examples.class_names, splits.train.class_names)
        self.assertEqual(_numbers(splits.held_out("test")), _numbers(splits.test, "query"))
        self.assertEqual([splits.classes_of(split) for split in ("validation", "test")], ["seen classes"] * 2)
        self.assertIn("20% of each class's images, searched for in the training images", splits.validation_source)

    def test_follows_the_seed_and_not_the_other_settings(self):
        def test(seed, **more):
            settings = DataSettings(dataset="folder", data_dir="d", test_fraction=0.0, **more)
            return _numbers(seen_class_splits(_manifest([9] * 4), settings, seed).test, "query")

        self.assertEqual(test(3), test(3))
        self.assertNotEqual(test(3), test(4))
        self.assertEqual(test(3), test(3, select_on_test=True))

    def test_selection_on_the_test_images(self):
        settings = DataSettings(dataset="folder", test_fraction=0.0, validation="test", select_on_test=True)
        splits = seen_class_splits(_manifest([5, 5]), settings, seed=0)
        self.assertIs(splits.validation, splits.test)
        self.assertLen(splits.train, 8)
        self.assertIn("optimistic", splits.validation_source)

    def test_given_validation_images_select(self):
        splits = seen_class_splits(_manifest([5, 5], validation=2), OWN, seed=0)
        self.assertEqual((len(splits.train), splits.validation_source), (8, "its own validation split"))
        self.assertEqual(_numbers(splits.validation), [(2, 0), (2, 1), (3, 0), (3, 1)])
        self.assertEqual(_numbers(splits.held_out("validation")), _numbers(splits.validation))
        self.assertEqual(splits.classes_of("validation"), "unseen classes")

    @parameterized.parameters(
        ([5, 5], 0, "fold1", "All classes of made up are trained on, so --validation=fold1 cannot"),
        ([5, 5], 0, "given", "has no validation images; leave --validation=given out"),
        ([5, 5], 2, "images", "has validation images, and --validation=images would hold out others"),
        ([2, 1], 0, "auto", "to test needs at least 2 classes of 2 images; 1 have as many"),
        ([2, 3], 0, "auto", "to select the model needs at least 2 classes of 3 images; 1 have as many"),
    )
    def test_refusals(self, sizes, validation_classes, validation, message):
        settings = DataSettings(dataset="folder", data_dir="d", test_fraction=0.0, validation=validation)
        with self.assertRaisesRegex(DataError, message):
            seen_class_splits(_manifest(sizes, validation_classes), settings, seed=0)


class NoteTest(parameterized.TestCase):
    def test_it_counts_what_is_held_out(self):
        # Of 1, 2, 3 and 10 images 0, 1, 1 and 2 test, and 0, 0, 1 and 2 select.
        self.assertEqual(
            seen_class_note(_manifest([1, 2, 3, 10])),
            "all 4 classes are trained on, so scores will be of seen classes: 4 images held out to test the model, "
            "3 to select it; 1 class of a single image used in training alone",
        )
        self.assertNotIn("to select it", seen_class_note(_manifest([3, 3], validation=1)))
