"""Grocery Store in the layout of its repository."""

import tensorflow as tf
from absl.testing import parameterized

from datasets.benchmarks import grocery
from datasets.checks import check
from datasets.manifest import DataError
from datasets.prepare.prepare import prepare
from tests.support import layouts, pictures
from tests.support.packing import packed

_FILES = {
    "dataset/classes.csv": (
        "Class Name (str),Class ID (int),Coarse Class Name (str),Coarse Class ID (int),Iconic Image Path (str)\n"
        "Kiwi,7,Kiwi,3,/kiwi.jpg\nArla-Medium-Fat-Milk,40,Milk,20,/a.jpg\nArla-Standard-Milk,41,Milk,20,/b.jpg\n"
    ),
    "dataset/train.txt": (
        "train/Packages/Milk/Arla-Standard-Milk/Arla-Standard-Milk_001.jpg, 41, 20\n"
        "train/Fruit/Kiwi/Kiwi_001.jpg, 7, 3\ntrain/Fruit/Kiwi/Kiwi_002.jpg, 7, 3\n"
    ),
    "dataset/val.txt": "val/Packages/Milk/Arla-Medium-Fat-Milk/Arla-Medium-Fat-Milk_010.jpg, 40, 20\n",
    "dataset/test.txt": "test/Fruit/Kiwi/Kiwi_001.jpg, 7, 3\n",
}


class GroceryTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.clone = self.folder / "GroceryStoreDataset"
        for name, text in _FILES.items():
            (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
            (self.clone / name).write_text(text)

    def load(self, folder=None):
        return layouts.load("grocery", folder or self.clone)

    @parameterized.parameters("", "GroceryStoreDataset", "GroceryStoreDataset/dataset")
    def test_classes_are_split_by_their_id(self, below):
        manifest = self.load(self.folder / below)
        self.assertEqual(manifest.root, str(self.clone / "dataset"))
        self.assertEqual(manifest.class_names, ("Kiwi", "Arla-Medium-Fat-Milk", "Arla-Standard-Milk"))
        # In the order of the three lists.
        self.assertAllEqual(manifest.labels, [2, 0, 0, 1, 0])
        self.assertEqual(list(manifest.splits), ["test", "train", "train", "train", "train"])
        self.assertEqual(manifest.paths[3], "val/Packages/Milk/Arla-Medium-Fat-Milk/Arla-Medium-Fat-Milk_010.jpg")

    def test_counts_are_checked(self):
        message = "train should have 3,051 images of 41 classes; it has 4 of 2"
        with self.assertRaisesRegex(DataError, message):
            check(self.load(), grocery.EXPECTED)

    @parameterized.parameters(
        ("train.txt", "001.jpg, 7, 3", "001.jpg, 7", r"train\.txt:2: expected path, class_id, coarse_id; found"),
        ("train.txt", "001.jpg, 7, 3", "001.jpg, , 3", r"train\.txt:2: expected path, class_id, coarse_id"),
        ("val.txt", " 40,", " 42,", r"val\.txt:1: class_id should be one of those in classes.csv; found 42"),
        ("test.txt", " 7,", " seven,", r"test\.txt:1: class_id should be a whole number; found 'seven'"),
        ("test.txt", "test/", "../", r"test\.txt:1: path should"),
        ("classes.csv", "Kiwi,7", "Kiwi,41", r"classes\.csv:4: class_id '41' occurs twice"),
    )
    def test_what_is_refused(self, name, old, new, message):
        layouts.change(self.clone / "dataset" / name, old, new)
        with self.assertRaisesRegex(DataError, message):
            self.load()

    @parameterized.parameters(
        ("classes.csv", 1, r"train\.txt:1: class_id should be one of those in classes.csv; found 41"),
        ("classes.csv", 0, r"train\.txt:1: class_id should be one of those"),
        ("train.txt", 0, r"train\.txt:1: expected path, class_id, coarse_id; found ''"),
    )
    def test_an_empty_file(self, name, num_lines, message):
        file = self.clone / "dataset" / name
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:num_lines]))
        with self.assertRaisesRegex(DataError, message):
            self.load()

    @parameterized.parameters(*(name.partition("/")[2] for name in _FILES))
    def test_a_file_is_missing(self, name):
        (self.clone / "dataset" / name).unlink()
        with self.assertRaisesRegex(DataError, f"grocery needs the file {name}"):
            self.load()

    def test_prepare_takes_a_clone_or_the_archive(self):
        self.assertRegex(prepare("grocery", self.clone)[0], "there is nothing to do")
        members = {f"GroceryStoreDataset-master/{name}": text.encode() for name, text in _FILES.items()}
        archive = self.folder / "master.zip"
        archive.write_bytes(packed("zip", members))
        prepare("grocery", self.folder / "prepared", [str(archive)])
        self.assertEqual(self.load(self.folder / "prepared").digest(), self.load().digest())


if __name__ == "__main__":
    tf.test.main()
