"""From settings to a checked manifest: whole, with less, and with more than there should be."""

import os
from unittest import mock

from absl.testing import parameterized

from datasets.benchmarks import cub
from datasets.manifest import Counts, DataError
from datasets.reading import load
from datasets.registry import DATA_SETS
from datasets.settings import DataSettings
from tests.support import layouts, photographs, pictures

_COUNTS = ((40, 4), (30, 3))
_EXPECTED = {"train": Counts(40, 4), "test": Counts(30, 3)}


class SubsetTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self)
        expected = mock.patch.object(cub, "EXPECTED", _EXPECTED)
        expected.start()
        self.addCleanup(expected.stop)
        layouts.cub(self.home, _COUNTS)

    def load(self, **settings):
        return load(DataSettings(dataset="cub", data_dir=str(self.home), **settings))

    def remove(self, count):
        images = sorted((self.home / "CUB_200_2011" / "images").rglob("*.jpg"))
        for path in images[:count]:
            path.unlink()

    def test_whole(self):
        self.assertEqual(self.load().counts(), _EXPECTED)
        self.assertLen(self.load(allow_subset=True), 70)

    def test_missing_files_are_counted_and_accepted_on_request(self):
        self.remove(3)
        with self.assertRaisesRegex(DataError, "lacks 3 of the 70 image files of cub, as .*--allow_subset"):
            self.load()
        with self.assertLogs("ccp", "WARNING") as logs:
            manifest = self.load(allow_subset=True)
        self.assertIn("missing image files of cub: 3 of 70", logs.output[0])
        self.assertEqual(manifest.counts()["train"].images, 37)
        self.assertTrue(all(os.path.exists(os.path.join(manifest.root, path)) for path in manifest.paths))

    def test_none_is_there(self):
        self.remove(None)
        with self.assertRaisesRegex(DataError, "None of the 70 image files of cub is in"):
            self.load(allow_subset=True)

    def test_more_is_no_subset(self):
        folder = self.home / "CUB_200_2011"
        for name, line in (
            ("images.txt", "71 001.Extra/extra.jpg"),
            ("image_class_labels.txt", "71 1"),
            ("bounding_boxes.txt", "71 0.0 0.0 5.0 5.0"),
        ):
            with open(folder / name, "a") as file:
                file.write(line + "\n")
        (folder / "images" / "001.Extra").mkdir()
        picture = next((folder / "images").rglob("*.jpg"))
        (folder / "images" / "001.Extra" / "extra.jpg").write_bytes(picture.read_bytes())
        with self.assertRaisesRegex(DataError, "train should have 40 images of 4 classes; it has 41 of 4"):
            self.load()
        with self.assertRaisesRegex(DataError, "train should have 40 images of 4 classes; it has 41 of 4. Fix"):
            self.load(allow_subset=True)


class RefusalTest(parameterized.TestCase):
    @parameterized.parameters(*(name for name, data_set in DATA_SETS.items() if data_set.in_folder))
    def test_the_directory_is_needed(self, name):
        with self.assertRaisesRegex(DataError, f"The data set {name} needs --data_dir"):
            load(DataSettings(dataset=name))

    def test_the_list_is_needed(self):
        with self.assertRaisesRegex(DataError, "csv needs --manifest: a CSV file with the columns path and label"):
            load(DataSettings(dataset="csv", data_dir="."))

    def test_what_cannot_be_scored_is_refused_before_training(self):
        folder = pictures.folder_for(self)
        photographs.write(folder, num_classes=6, per_class=2)
        for label in "345":
            (folder / label / "1.jpg").unlink()
        with self.assertRaisesRegex(DataError, "no test image has another one of its class to be found"):
            load(DataSettings(dataset="folder", data_dir=str(folder)))
