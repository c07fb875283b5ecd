"""Cached evaluation images are the images, bit for bit, and are read once."""

import numpy as np
from absl.testing import parameterized

from datasets.input.bad_images import SKIP, BadImages
from datasets.input.cache import CachedImages
from datasets.input.formats import ImageFormat
from datasets.input.pipelines import EvaluationImages
from datasets.manifest import DataError
from tests.support import photographs, pictures
from tests.support.tensors import TensorTest


@parameterized.named_parameters(("memory", False), ("disk", True))
class CacheTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.paths = photographs.write(self.folder, num_classes=5, per_class=9)
        photographs.decode_simply(self)

    def images(self, bad_images=None) -> EvaluationImages:
        examples = photographs.examples(self.folder, self.paths)
        return EvaluationImages(examples, ImageFormat(80, 90, 3), bad_images)  # Rows of 32.

    def assert_same(self, rows, expected_rows):
        self.assertEqual(len(rows), len(expected_rows))
        for (indices, images), (expected_indices, expected) in zip(rows, expected_rows):
            np.testing.assert_array_equal(indices, expected_indices)
            np.testing.assert_array_equal(images, expected)

    def test_bit_for_bit_and_read_once(self, on_disk):
        photographs.truncate(self.folder, ["1/1.jpg"])
        images = self.images(BadImages(SKIP))
        cached = CachedImages(images, on_disk)
        next(iter(cached))  # A pass that is not complete keeps nothing.
        first, expected = list(cached), list(images)
        self.assertEqual([len(indices) for indices, _ in expected], [31, 13])  # 45 in rows of 32; one is bad.
        for path in self.paths:
            (self.folder / path).unlink()
        for rows in (first, list(cached), list(cached)):
            self.assert_same(rows, expected)

    def test_an_error_is_that_of_the_images(self, on_disk):
        photographs.truncate(self.folder, ["4/8.jpg"])
        cached = CachedImages(self.images(), on_disk)
        for _ in range(2):
            with self.assertRaisesRegex(DataError, r"4/8\.jpg cannot be read"):
                list(cached)
