"""CUB-200-2011 in its true layout and at its true size."""

import numpy as np
from absl.testing import parameterized

from datasets.benchmarks import cub
from datasets.checks import check, missing_files
from datasets.manifest import DataError
from tests.support import layouts, pictures
from tests.support.tensors import TensorTest


class FullTest(TensorTest):
    def test_all_of_it(self):
        root = layouts.full(self, "cub")
        manifest = layouts.load("cub", root)
        check(manifest, cub.EXPECTED)
        self.assertLen(manifest, 11788)
        self.assertAllEqual(manifest.splits == "train", manifest.labels < 100)
        self.assertEqual(manifest.class_names[41], "042.Bird_42")
        self.assertTrue(all(f"/{manifest.class_names[c]}/" in p for p, c in zip(manifest.paths, manifest.labels)))
        # x y width height are 2 3 5 + i % 7 and 6.
        self.assertAllEqual(manifest.boxes[3], [2, 3, 2 + 8, 3 + 6])


class SmallTest(TensorTest):
    """Two classes of three images on each side."""

    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.paths = layouts.cub(self.folder, ((6, 2), (6, 2)))
        self.root = self.folder / "CUB_200_2011"

    @parameterized.parameters("", "CUB_200_2011")
    def test_the_directory_or_the_one_above(self, below):
        manifest = layouts.load("cub", self.folder / below)
        self.assertEqual(manifest.root, str(self.root))
        self.assertEmpty(missing_files(manifest))
        self.assertEqual(list(manifest.paths), [f"images/{path}" for path in self.paths])
        self.assertAllEqual(manifest.labels, np.repeat([0, 1, 2, 3], 3))
        self.assertEqual(manifest.class_names, ("001.Bird_1", "002.Bird_2", "101.Bird_101", "102.Bird_102"))

    def test_labels_and_boxes_in_another_order(self):
        expected = layouts.load("cub", self.root)
        for name in ("image_class_labels.txt", "bounding_boxes.txt"):
            lines = (self.root / name).read_text().splitlines()
            (self.root / name).write_text("\r\n".join(reversed(lines)))
        found = layouts.load("cub", self.root)
        self.assertAllEqual(found.labels, expected.labels)
        self.assertAllEqual(found.boxes, expected.boxes)

    def test_without_names_of_classes_folders_have_them(self):
        expected = layouts.load("cub", self.root).class_names
        layouts.change(self.root / "classes.txt", "001.Bird_1\n", "Laysan Albatross\n")
        self.assertEqual(layouts.load("cub", self.root).class_names, ("Laysan Albatross", *expected[1:]))
        (self.root / "classes.txt").unlink()
        self.assertEqual(layouts.load("cub", self.root).class_names, expected)

    def test_boxes_of_half_pixels(self):
        # From 2.5 to 2.5 + 5 = 7.5, and from 3 to 9.25: pixels 2 … 7 and 3 … 9.
        layouts.change(self.root / "bounding_boxes.txt", "1 2.0 3.0 5.0 6.0\n2", "1 2.5 3.0 5.0 6.25\n2")
        self.assertAllEqual(layouts.load("cub", self.root).boxes[0], [2, 3, 8, 10])

    @parameterized.parameters("images.txt", "image_class_labels.txt", "bounding_boxes.txt")
    def test_a_file_is_missing(self, name):
        (self.root / name).unlink()
        self.assert_refused(f"cub needs the file {name}, and there is none in .*CUB_200_2011.*--dataset=cub")

    @parameterized.parameters(
        ("image_class_labels.txt", "3 1\n", "3 201\n", r"labels\.txt:3: class_id should be one of 1 … 200; found 201"),
        ("image_class_labels.txt", "3 1\n", "3 0\n", r"labels\.txt:3: class_id should be one of 1 … 200; found 0"),
        ("image_class_labels.txt", "3 1\n", "3 a\n", r"labels\.txt:3: class_id should be a whole number; found 'a'"),
        ("image_class_labels.txt", "3 1\n", "", r"images\.txt:3: image_id '3' is not in .*image_class_labels.txt"),
        ("image_class_labels.txt", "3 1\n", "2 1\n", r"labels\.txt:3: image_id '2' occurs twice, first on line 2"),
        ("bounding_boxes.txt", "3 2.0", "13 2.0", r"images.txt:3: image_id '3' is not in .*boxes.txt"),
        ("bounding_boxes.txt", "3 2.0", "3 nan", r"boxes\.txt:3: x should be a number; found 'nan'"),
        ("images.txt", "3 001", "2 001", r"images\.txt:3: image_id '2' occurs twice"),
        ("images.txt", "3 001", "3 ../001", r"images\.txt:3: path should be below"),
        ("classes.txt", "2 002.Bird_2\n", "2 001.Bird_1\n", "two classes are called '001.Bird_1'"),
        ("classes.txt", "2 002.Bird_2\n", "1 002.Bird_2\n", r"classes\.txt:2: class_id '1' occurs twice"),
    )
    def test_what_is_refused(self, name, old, new, message):
        layouts.change(self.root / name, old, new)
        self.assert_refused(message)

    def assert_refused(self, message):
        with self.assertRaisesRegex(DataError, message):
            layouts.load("cub", self.folder)
