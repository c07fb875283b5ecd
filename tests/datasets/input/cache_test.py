"""Kept evaluation images are the images, bit for bit, and never those of other files."""

import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.input.bad_images import SKIP, BadImages
from datasets.input.cache import ImagesKeptInMemory, ImagesKeptOnDisk
from datasets.input.formats import ImageFormat
from datasets.input.pipelines import EvaluationImages
from tests.support import photographs, pictures

FORMAT = ImageFormat(80, 90, 3)  # Rows of 32.


class CacheTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.paths = photographs.write(self.folder, num_classes=5, per_class=9)

    def images(self, image_format=FORMAT) -> EvaluationImages:
        examples = photographs.examples(self.folder, self.paths)
        return EvaluationImages(examples, image_format, BadImages(SKIP, survey=True))

    def kept(self, where, images=None):
        images = images or self.images()
        return ImagesKeptInMemory(images) if where == "memory" else ImagesKeptOnDisk(images, self.folder / "cache")

    def assert_same(self, rows, expected_rows):
        self.assertEqual(len(rows), len(expected_rows))
        for (indices, images), (expected_indices, expected) in zip(rows, expected_rows):
            np.testing.assert_array_equal(indices, expected_indices)
            np.testing.assert_array_equal(images, expected)

    @parameterized.parameters("memory", "disk")
    def test_bit_for_bit(self, where):
        photographs.truncate(self.folder, ["1/1.jpg"])
        expected = list(self.images())
        self.assertEqual([len(indices) for indices, _ in expected], [31, 13])  # 45 in rows of 32; one is bad.
        kept = self.kept(where)
        for _ in range(3):
            self.assert_same(list(kept), expected)

    @parameterized.parameters("memory", "disk")
    def test_files_are_read_once(self, where):
        kept = self.kept(where)
        first = list(kept)
        if where == "memory":
            for path in self.paths:
                (self.folder / path).unlink()
        else:  # Other contents, which must not be read, behind the same size and time.
            for path in self.paths:
                status = os.stat(self.folder / path)
                (self.folder / path).write_bytes(b"\0" * status.st_size)
                os.utime(self.folder / path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.assert_same(list(kept), first)

    def test_another_process_finds_them(self):
        first = list(self.kept("disk"))
        again = self.kept("disk")
        self.assert_same(list(again), first)
        self.assertEqual(os.path.getsize(self.folder / "cache" / "images.float32"), 45 * 80 * 80 * 3 * 4)

    @parameterized.parameters("contents", "format", "another file")
    def test_other_images_are_read_anew(self, change):
        list(self.kept("disk"))
        image_format = FORMAT
        if change == "contents":
            (self.folder / "2" / "2.jpg").write_bytes(pictures.file_of(pictures.photograph(), "JPEG"))
        elif change == "format":
            image_format = ImageFormat(80, 100, 3)
        else:
            self.paths = self.paths[:-1]
        expected = list(self.images(image_format))
        for _ in range(2):
            self.assert_same(list(self.kept("disk", self.images(image_format))), expected)

    @parameterized.parameters("memory", "disk")
    def test_a_pass_that_was_cut_off_leaves_none(self, where):
        expected = list(self.images())
        kept = self.kept(where)
        next(iter(kept))
        self.assertFalse((self.folder / "cache" / "images.json").exists())
        self.assert_same(list(kept), expected)
