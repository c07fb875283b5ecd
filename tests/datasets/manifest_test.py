"""What an example is, and what is refused."""

import numpy as np
from absl.testing import parameterized

from ccp.errors import UserError
from datasets.manifest import DataError, Examples, Splits


def _examples(labels, class_names=None) -> Examples:
    """Each image is filled with its own index, so that it can be followed around."""
    labels = np.array(labels, np.int64)
    images = np.arange(len(labels), dtype=np.uint8)[:, np.newaxis, np.newaxis, np.newaxis] * np.ones((1, 2, 2, 1))
    return Examples(images.astype(np.uint8), labels, class_names or tuple("abcdefgh"[: labels.max() + 1]))


class ExamplesTest(parameterized.TestCase):
    def test_counts(self):
        examples = _examples([0, 1, 1, 2])
        self.assertLen(examples, 4)
        self.assertEqual(examples.num_classes, 3)

    @parameterized.parameters(((4, 2, 2), np.uint8), ((4, 2, 2, 1), np.float32), ((4, 2), np.uint8))
    def test_images_of_another_kind(self, shape, dtype):
        with self.assertRaisesRegex(DataError, r"\[num_examples, height, width, channels\] uint8; got"):
            Examples(np.zeros(shape, dtype), np.array([0, 0, 1, 1]), ("a", "b"))

    def test_a_label_is_missing(self):
        with self.assertRaisesRegex(DataError, "got 3 for 4 images"):
            Examples(np.zeros((4, 2, 2, 1), np.uint8), np.array([0, 0, 1]), ("a", "b"))

    @parameterized.parameters(([1, 1, 2, 2],), ([0, 0, 2, 2],), ([0, 0, 0, 0],), ([-1, 0, 1, 1],), ([0, 1, 2, 3],))
    def test_labels_that_do_not_fit_the_names(self, labels):
        with self.assertRaisesRegex(DataError, "Labels must be 0 … 1, each used"):
            Examples(np.zeros((4, 2, 2, 1), np.uint8), np.array(labels), ("a", "b"))

    def test_of_classes_renumbers_in_the_order_given(self):
        part = _examples([0, 1, 2, 3, 2, 0]).of_classes(np.array([2, 0]))
        # Images stay in their order: 0 (class 0), 2 (2), 4 (2), 5 (0); 2 becomes 0, and 0 becomes 1.
        np.testing.assert_array_equal(part.images[:, 0, 0, 0], [0, 2, 4, 5])
        np.testing.assert_array_equal(part.labels, [1, 0, 0, 1])
        self.assertEqual(part.labels.dtype, np.int64)
        self.assertEqual(part.class_names, ("c", "a"))

    def test_subset_keeps_labels(self):
        part = _examples([0, 1, 0, 1]).subset(np.array([3, 0]))
        np.testing.assert_array_equal(part.images[:, 0, 0, 0], [3, 0])
        np.testing.assert_array_equal(part.labels, [1, 0])

    def test_subset_must_keep_every_class(self):
        with self.assertRaises(DataError):
            _examples([0, 1, 0, 1]).subset(np.array([1, 3]))


class SplitsTest(parameterized.TestCase):
    def test_test_classes_must_be_unseen(self):
        seen, unseen = _examples([0, 1], ("a", "b")), _examples([0, 1], ("x", "y"))
        Splits(seen, seen, unseen, "images of the same classes")
        for train, validation in ((seen, unseen), (unseen, seen)):
            with self.assertRaisesRegex(DataError, "unseen in training; shared: a, b"):
                Splits(train, validation, seen, "")

    def test_is_an_error_for_the_user(self):
        self.assertTrue(issubclass(DataError, UserError))
