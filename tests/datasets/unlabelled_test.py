"""Training images without labels: each a class, and views of others to select and test the model."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from absl.testing import absltest, parameterized

from datasets.images.image import read_all
from datasets.input.formats import Augmentation
from datasets.manifest import DataError, Entry, Manifest, assemble
from datasets.settings import DataSettings
from datasets.unlabelled import unlabelled_splits, without_labels

NONE = DataSettings(dataset="folder", data_dir="d", labels="none")
VARIED = Augmentation(min_crop_area=0.3)
SIZE = 8


def _manifest(train: int, validation: int = 0, test: int = 0) -> Manifest:
    """Images of noise; three of each class."""
    counts = {"train": train, "validation": validation, "test": test}
    entries = [Entry(f"{split}/{i}", f"{split} {i // 3}", split) for split in counts for i in range(counts[split])]
    names = dict.fromkeys(entry.class_name for entry in entries)
    pixels = np.random.default_rng(0).integers(0, 256, (len(entries), SIZE, SIZE, 1), np.uint8)
    return without_labels(assemble("made up", "", entries, names, pixels))


def _pixels(examples) -> np.ndarray:
    return np.stack([read_all(examples.images.open(tf.constant(i))) for i in range(len(examples))])


class UnlabelledTest(parameterized.TestCase):
    def test_every_training_image_is_a_class_and_others_keep_theirs(self):
        manifest = _manifest(4, test=6)
        self.assertEqual(manifest.class_names, ("train/0", "train/1", "train/2", "train/3", "test 0", "test 1"))
        self.assertEqual(list(manifest.labels), [0, 1, 2, 3, 4, 4, 4, 5, 5, 5])

    @parameterized.parameters(
        # A fifth, or two, for each of validation and test.
        ({"train": 20}, 4, {"validation": (8, 4), "test": (8, 4)}),
        ({"train": 6}, 2, {"validation": (4, 2), "test": (4, 2)}),
        ({"train": 20, "test": 6}, 4, {"validation": (8, 4), "test": (6, 2)}),
        ({"train": 20, "validation": 9}, 4, {"validation": (9, 3), "test": (8, 4)}),
        ({"train": 20, "validation": 9, "test": 6}, 0, {"validation": (9, 3), "test": (6, 2)}),
        ({"train": 5004, "test": 6}, 1000, {"validation": (2000, 1000), "test": (6, 2)}),
    )
    def test_what_is_held_out(self, counts, each, expected):
        splits = unlabelled_splits(_manifest(**counts), NONE, VARIED, seed=1, size=SIZE)
        found = {split: (len(getattr(splits, split)), getattr(splits, split).num_classes) for split in expected}
        self.assertEqual(found, {"validation": expected["validation"], "test": expected["test"]})
        in_views = [split for split in ("validation", "test") if not counts.get(split)]
        self.assertEqual(splits.in_views, tuple(in_views))
        self.assertEqual(splits.classes_of("test"), "unseen classes" if counts.get("test") else "unseen images")
        # No image is in two places, and none is lost.
        names = [set(getattr(splits, split).images.names) for split in in_views]
        self.assertEqual({len(own) for own in names} - {each}, set())
        train = set(splits.train.images.names)
        self.assertLen(train.union(*names), counts["train"])
        self.assertLen(train, counts["train"] - each * len(in_views))
        self.assertEqual(list(splits.train.labels), list(range(len(train))))

    def test_two_views_of_each_image(self):
        splits = unlabelled_splits(_manifest(20), NONE, VARIED, seed=1, size=SIZE)
        views = _pixels(splits.validation)
        self.assertEqual((views.dtype, views.shape), (np.uint8, (8, SIZE, SIZE, 1)))
        self.assertEqual(list(splits.validation.labels), [0, 1, 2, 3] * 2)
        self.assertEqual(list(splits.validation.images.names[:4]), list(splits.validation.images.names[4:]))
        self.assertLen({view.tobytes() for view in [*views, *_pixels(splits.test)]}, 16)
        taken = splits.validation.subset(np.array([5, 2]))
        np.testing.assert_array_equal(_pixels(taken), views[[5, 2]])

    def test_choice_and_views_follow_the_seed(self):
        one, again, other = (
            unlabelled_splits(_manifest(20), NONE, VARIED, seed, SIZE).validation for seed in (1, 1, 2)
        )
        np.testing.assert_array_equal(_pixels(one), _pixels(again))
        self.assertNotEqual(set(one.images.names), set(other.images.names))

    def test_without_augmentation_a_view_is_the_image(self):
        plain = Augmentation(min_crop_area=1.0, max_crop_aspect=1.0, flip=False)
        manifest = _manifest(20)
        held_out = unlabelled_splits(manifest, NONE, plain, seed=1, size=SIZE).test
        expected = [manifest.pixels[list(manifest.paths).index(name)] for name in held_out.images.names]
        np.testing.assert_array_equal(_pixels(held_out), expected)

    def test_the_test_set_may_select(self):
        settings = DataSettings(dataset="typefaces", labels="none", select_on_test=True)
        splits = unlabelled_splits(_manifest(20, test=6), settings, VARIED, seed=1, size=SIZE)
        self.assertIs(splits.validation, splits.test)
        self.assertLen(splits.train, 20)
        with self.assertRaisesRegex(DataError, "no labelled test images; leave --select_on_test out"):
            unlabelled_splits(_manifest(20), settings, VARIED, seed=1, size=SIZE)

    @parameterized.parameters(
        ({"train": 20}, "fold1", "by held-out images of made up; --validation=fold1 is something else"),
        ({"train": 20}, "given", "by held-out images of made up; --validation=given"),
        ({"train": 20, "validation": 9}, "images", "by the validation images of made up; --validation=images"),
        ({"train": 5}, "auto", "has 5 training images, too few to hold some out"),
    )
    def test_refused(self, counts, validation, message):
        settings = DataSettings(dataset="folder", labels="none", validation=validation)
        with self.assertRaisesRegex(DataError, message):
            unlabelled_splits(_manifest(**counts), settings, VARIED, seed=1, size=SIZE)


if __name__ == "__main__":
    absltest.main()
