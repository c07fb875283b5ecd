"""A folder of images for each class, with other files among them."""

import logging
import os
import pathlib

from absl.testing import parameterized

from datasets.checks import check, missing_files
from datasets.manifest import Counts, DataError
from tests.support import layouts, pictures
from tests.support.tensors import TensorTest

_JPEG = pictures.file_of(pictures.photograph().resize((20, 15)), "JPEG")


class FolderTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.root = pictures.folder_for(self)

    def put(self, *paths, contents=_JPEG):
        for path in paths:
            place = os.path.join(os.fsencode(self.root), os.fsencode(path))
            os.makedirs(os.path.dirname(place), exist_ok=True)
            pathlib.Path(os.fsdecode(place)).write_bytes(contents)

    def load(self, warnings=(), **options):
        """Loads, passes the check, and has given exactly these warnings."""
        with self.assertLogs("ccp", logging.WARNING) as logs:
            logging.getLogger("ccp").warning("the end")
            manifest = layouts.load("folder", self.root, **options)
        found = [record.getMessage() for record in logs.records[1:]]
        self.assertEqual(found, [warning.format(root=self.root) for warning in warnings])
        check(manifest)
        self.assertEmpty(missing_files(manifest))
        return manifest

    def by_class(self, manifest):
        return {
            name: [str(p) for p in manifest.paths[manifest.labels == label]]
            for label, name in enumerate(manifest.class_names)
        }

    def test_the_last_classes_are_for_test(self):
        self.put(*(f"class{number}/{image}.jpg" for number in (10, 9, 1, 2) for image in "ba"))
        manifest = self.load()
        self.assertEqual(manifest.class_names, ("class1", "class2", "class9", "class10"))
        self.assertEqual(list(manifest.paths[:3]), ["class1/a.jpg", "class1/b.jpg", "class2/a.jpg"])
        self.assertEqual(list(manifest.splits), ["train"] * 4 + ["test"] * 4)
        self.assertEqual(manifest.root, str(self.root))

    def test_another_fraction(self):
        self.put(*(f"{number}/1.jpg" for number in range(12)))
        # A quarter of 12 is 3.
        self.assertEqual(self.load(test_fraction=0.25).counts(), {"train": Counts(9, 9), "test": Counts(3, 3)})

    def test_without_labels(self):
        self.put("1.jpg", "a/2.jpg", "a/b/3.jpg", "test/4.jpg")
        self.put("notes.txt", contents=b"")
        manifest = self.load(
            labels="none", warnings=["left out 1 file of {root} without an image extension, as notes.txt"]
        )
        self.assertEqual(manifest.class_names, ("1.jpg", "a/2.jpg", "a/b/3.jpg", "test/4.jpg"))
        self.assertEqual(manifest.counts(), {"train": Counts(4, 4)})

    def test_without_labels_in_training_alone(self):
        self.put(
            "train/1.jpg",
            "train/a/2.jpg",
            *(f"{split}/{c}/{c}{i}.jpg" for split, c in (("test", 5), ("val", 6)) for i in "ab"),
        )
        self.put("other/1.jpg")
        manifest = self.load(labels="none", warnings=["left out 1 folder of {root} beside train/, as other"])
        self.assertEqual(manifest.class_names, ("train/1.jpg", "train/a/2.jpg", "5", "6"))
        counts = {"train": Counts(2, 2), "validation": Counts(2, 1), "test": Counts(2, 1)}
        self.assertEqual(manifest.counts(), counts)

    def test_all_classes_for_training(self):
        self.put(*(f"{number}/1.jpg" for number in range(3)))
        self.assertEqual(self.load(test_fraction=0.0).counts(), {"train": Counts(3, 3)})

    def test_all_classes_for_training_in_folders_that_say_so(self):
        self.put("train/a/1.jpg", "train/b/2.jpg", "val/a/3.jpg")
        counts = self.load(test_fraction=0.0).counts()
        self.assertEqual(counts, {"train": Counts(2, 2), "validation": Counts(1, 1)})
        self.put("test/c/4.jpg")
        with self.assertRaisesRegex(
            DataError, "has test images, and --test_fraction=0 trains on all classes.*Leave it"
        ):
            self.load(test_fraction=0.0)

    @parameterized.parameters("val", "validation")
    def test_folders_say_what_is_for_what(self, val):
        self.put("train/b/1.jpg", "train/a/2.jpg", f"{val}/a/3.jpg", "test/c/4.jpg", "test/c/5.jpg", "docs/6.jpg")
        manifest = self.load(["left out 1 folder of {root} beside train/ and test/, as docs"])
        one = Counts(1, 1)
        self.assertEqual(manifest.counts(), {"train": Counts(2, 2), "validation": one, "test": Counts(2, 1)})
        self.assertEqual(
            self.by_class(manifest),
            {"a": ["train/a/2.jpg", f"{val}/a/3.jpg"], "b": ["train/b/1.jpg"], "c": ["test/c/4.jpg", "test/c/5.jpg"]},
        )

    @parameterized.parameters(
        (["train/a/1.jpg"], "has train, and no test"),
        (["train/a/1.jpg", "val/a/1.jpg"], "has train and val, and no test"),
        (["test/a/1.jpg"], "has test, and no train"),
    )
    def test_half_of_such_folders(self, paths, message):
        self.put(*paths)
        with self.assertRaisesRegex(DataError, message):
            layouts.load("folder", self.root)

    @parameterized.parameters(
        (["Train", "Test"], "has Test and Train, which look like splits .* Name them test and train"),
        (["training", "testing", "valid"], "has testing and training and valid, .* Name them test and train and val"),
        (["train", "Test", "other"], "Name them test and train"),
    )
    def test_splits_by_other_names(self, names, message):
        self.put(*(f"{name}/{number}/1.jpg" for name in names for number in range(4)))
        with self.assertRaisesRegex(DataError, message):
            layouts.load("folder", self.root)

    def test_a_class_may_be_called_train(self):
        self.put("bus/1.jpg", "car/1.jpg", "train/1.jpg", "van/1.jpg")
        self.assertEqual(self.load().class_names, ("bus", "car", "train", "van"))

    def test_images_at_any_depth_and_of_every_kind(self):
        names = ("1.JPG", "x/2.jpeg", "x/y/3.Png", "4.gif", "5.bmp", "6.webp", "7.tif", "8.TIFF", "a b/9 10.jpg")
        self.put(*(f"a/{name}" for name in names), "b/1.jpg", "c/1.jpg", "d/1.jpg")
        manifest = self.load(
            [
                "1 of 4 class folders of {root} hold folders with images, which become one class: a is 3 folders, as "
                "a/a b. If these are the classes, move them up into {root}, or list every image with its class: "
                "--dataset=csv"
            ]
        )
        self.assertEqual(self.by_class(manifest)["a"], sorted(f"a/{name}" for name in names))

    def test_merged_folders_of_each_split_are_warned_of(self):
        classes = {"train": "ab", "test": "cd"}
        self.put(*(f"{split}/{name}/{part}/1.jpg" for split in classes for name in classes[split] for part in "xy"))
        self.put("train/b/z/1.jpg")
        with self.assertLogs("ccp", logging.WARNING) as logs:
            layouts.load("folder", self.root)
        self.assertLen(logs.records, 2)
        for record, split, largest in zip(logs.records, ("test", "train"), ("c is 2", "b is 3")):
            self.assertIn(f"2 of 2 class folders of {self.root}/{split} hold", record.getMessage())
            self.assertIn(f"{largest} folders, as {split}/{largest[0]}/x.", record.getMessage())

    def test_what_is_passed_over_in_silence(self):
        self.put(*(f"{name}/1.jpg" for name in "abcd"), ".git/1.jpg", "__MACOSX/a/1.jpg", "a/__MACOSX/1.jpg")
        self.put("a/.hidden/1.jpg", "a/._1.jpg", "a/.DS_Store", "b/Thumbs.db", "desktop.ini", ".x.jpg")
        self.assertLen(self.load(), 4)

    def test_what_is_left_out_with_a_warning(self):
        self.put(*(f"{name}/1.jpg" for name in "abcd"), "a/notes.txt", "b/x/list.csv", "readme", "loose.jpg", "e/x.pdf")
        (self.root / "f").mkdir()
        manifest = self.load(
            [
                "left out 4 files of {root} without an image extension, as a/notes.txt",
                "left out 1 image of {root} outside any class folder, as loose.jpg",
                "left out 2 folders of {root} without images, as e",
            ]
        )
        self.assertEqual(manifest.class_names, tuple("abcd"))

    def test_names_of_all_kinds(self):
        latin = os.fsdecode(b"caf\xe9")
        self.put("Zürich/ß ü.jpg", "大阪/1.jpg", f"{latin}/{latin}.jpg", "two words/1.jpg")
        manifest = self.load()
        self.assertCountEqual(manifest.class_names, [r"caf\xe9", "two words", "Zürich", "大阪"])
        self.assertEqual(self.by_class(manifest)[r"caf\xe9"], [f"{latin}/{latin}.jpg"])
        self.assertEqual(self.by_class(manifest)["Zürich"], ["Zürich/ß ü.jpg"])
        "".join(manifest.class_names).encode()  # So that a class can be named in any file.

    def test_links(self):
        self.put(*(f"{name}/1.jpg" for name in "abcd"), "elsewhere/e/1.jpg", "elsewhere/f/1.jpg")
        (self.root / "elsewhere").rename(self.root / ".elsewhere")
        (self.root / "e").symlink_to(self.root / ".elsewhere/e")  # A class in another place.
        (self.root / ".elsewhere/e/up").symlink_to(self.root / ".elsewhere")
        (self.root / "a/2.jpg").symlink_to(self.root / "b/1.jpg")
        (self.root / "a/loop").symlink_to(self.root / "a")
        (self.root / "b/up").symlink_to(self.root / "b" / "..")
        (self.root / "c/odd").mkdir()
        (self.root / "c/odd/itself").symlink_to(self.root / "c/odd/itself")
        manifest = self.load(["left out 1 file of {root} without an image extension, as c/odd/itself"])
        found = self.by_class(manifest)
        self.assertEqual(found["a"], ["a/1.jpg", "a/2.jpg"])
        self.assertEqual(found["e"], ["e/1.jpg"])

    def test_a_link_to_nothing_is_a_missing_file(self):
        self.put(*(f"{name}/1.jpg" for name in "abcd"))
        (self.root / "a/2.jpg").symlink_to(self.root / "nowhere.jpg")
        manifest = layouts.load("folder", self.root)
        self.assertEqual(list(manifest.paths[missing_files(manifest)]), ["a/2.jpg"])

    def test_no_such_directory(self):
        with self.assertRaisesRegex(DataError, "elsewhere.* cannot be read .No such file or directory.*--data_dir"):
            layouts.load("folder", self.root / "elsewhere")
        self.put("file")
        with self.assertRaisesRegex(DataError, "cannot be read .Not a directory"):
            layouts.load("folder", self.root / "file")

    def test_an_empty_directory(self):
        with self.assertRaisesRegex(DataError, "no images of any class. Make one folder"):
            layouts.load("folder", self.root)
