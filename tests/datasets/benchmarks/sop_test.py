"""Stanford Online Products in its true layout and at its true size."""

import numpy as np
from absl.testing import parameterized

from datasets.benchmarks import sop
from datasets.checks import check, missing_files
from datasets.manifest import DataError
from tests.support import layouts, pictures
from tests.support.tensors import TensorTest


class FullTest(TensorTest):
    def test_all_of_it(self):
        root = layouts.full(self, "sop")
        manifest = layouts.load("sop", root)
        check(manifest, sop.EXPECTED)
        self.assertLen(manifest, 120053)
        self.assertAllEqual(manifest.splits == "train", np.arange(120053) < 59551)
        self.assertAllEqual(manifest.splits == "train", manifest.labels < 11318)
        # Classes are numbered from 1 in the order of their ids; 12 super-classes in turn, from the second on.
        self.assertEqual(manifest.class_names[0], "cabinet_final/1")
        self.assertEqual(manifest.class_names[22633], "chair_final/22634")  # 22634 = 12 · 1886 + 2, and chairs are 2.
        self.assertIsNone(manifest.boxes)


class SmallTest(TensorTest):
    """Classes 1 and 2 of three images, and 3 and 4 of two."""

    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.paths = layouts.sop(self.folder, ((6, 2), (4, 2)))
        self.root = self.folder / "Stanford_Online_Products"

    @parameterized.parameters("", "Stanford_Online_Products")
    def test_the_directory_or_the_one_above(self, below):
        manifest = layouts.load("sop", self.folder / below)
        self.assertEqual(manifest.root, str(self.root))
        self.assertEmpty(missing_files(manifest))
        self.assertEqual(list(manifest.paths), self.paths)
        self.assertAllEqual(manifest.labels, [0, 0, 0, 1, 1, 1, 2, 2, 3, 3])
        self.assertEqual(
            manifest.class_names, ("cabinet_final/1", "chair_final/2", "coffee_maker_final/3", "fan_final/4")
        )

    def test_labels_are_in_the_order_of_class_ids(self):
        layouts.change(self.root / "Ebay_train.txt", " 2 3 chair", " 10 3 chair")
        self.assertAllEqual(layouts.load("sop", self.root).labels, [0, 0, 0, 3, 3, 3, 1, 1, 2, 2])

    def test_a_path_with_spaces(self):
        path = self.paths[1]
        (self.root / path).rename(self.root / "cabinet_final" / "two  words.JPG")
        layouts.change(self.root / "Ebay_train.txt", path, "cabinet_final/two  words.JPG")
        manifest = layouts.load("sop", self.root)
        self.assertEqual(manifest.paths[1], "cabinet_final/two  words.JPG")
        self.assertEmpty(missing_files(manifest))

    @parameterized.parameters("Ebay_train.txt", "Ebay_test.txt")
    def test_a_file_is_missing(self, name):
        (self.root / name).unlink()
        with self.assertRaisesRegex(DataError, f"sop needs the file {name}, and there is none in .*--dataset=sop"):
            layouts.load("sop", self.folder)

    @parameterized.parameters(
        ("Ebay_train.txt", "image_id class_id super_class_id path\n", "", "train.txt:1: expected the names of the col"),
        ("Ebay_test.txt", "8 3 4 ", "8 3 ", r"test\.txt:3: expected 4 columns .*; found 3"),
        ("Ebay_test.txt", "8 3 4 ", "7 3 4 ", r"test\.txt:3: image_id '7' occurs twice, first on line 2"),
        ("Ebay_test.txt", "8 3 4 ", "8 x 4 ", r"test\.txt:3: class_id should be a whole number; found 'x'"),
        ("Ebay_test.txt", "8 3 4 ", "8 3 4 /", r"test\.txt:3: path should be below"),
    )
    def test_what_is_refused(self, name, old, new, message):
        layouts.change(self.root / name, old, new)
        with self.assertRaisesRegex(DataError, message):
            layouts.load("sop", self.folder)
