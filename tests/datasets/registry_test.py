"""Every data set by name, whole, in part, and more than it should be."""

import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets import catalog
from datasets.manifest import Counts, DataError
from datasets.settings import DataSettings
from experiments.presets import FROM_SCRATCH
from experiments.settings import DATASETS, DATASETS_IN_FILES, DATASETS_IN_FOLDERS
from tests.support import layouts, photographs, pictures


class CatalogTest(parameterized.TestCase, tf.test.TestCase):
    def test_names_are_the_same_everywhere(self):
        self.assertEqual(tuple(catalog.DATA_SETS), DATASETS)
        self.assertEqual(tuple(FROM_SCRATCH), DATASETS)
        self.assertContainsSubset([*DATASETS_IN_FILES, *DATASETS_IN_FOLDERS], DATASETS)

    def test_digits(self):
        manifest = catalog.load(DataSettings(dataset="digits"))
        self.assertEqual(manifest.counts(), {"train": Counts(901, 5), "test": Counts(896, 5)})

    @parameterized.parameters(*DATASETS_IN_FOLDERS)
    def test_where_it_is_has_to_be_said(self, name):
        with self.assertRaisesRegex(DataError, f"The data set {name} needs --data_dir"):
            catalog.load(DataSettings(dataset=name))

    def test_which_list_has_to_be_said(self):
        with self.assertRaisesRegex(DataError, "csv needs --manifest: a CSV file with the columns path and label"):
            catalog.load(DataSettings(dataset="csv", data_dir="."))


class SubsetTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self)
        layouts.cub(self.home)

    def load(self, **settings):
        return catalog.load(DataSettings(dataset="cub", data_dir=str(self.home), **settings))

    def remove(self, count):
        images = sorted((self.home / "CUB_200_2011" / "images").rglob("*.jpg"))
        for path in images[:count]:
            path.unlink()

    def test_whole(self):
        self.assertEqual(self.load().counts(), {"train": Counts(5864, 100), "test": Counts(5924, 100)})
        self.assertLen(self.load(allow_subset=True), 11_788)

    def test_missing_files_are_counted_and_let_through_knowingly(self):
        self.remove(3)
        with self.assertRaisesRegex(DataError, "3 of the 11788 image files of cub are not in .*--allow_subset"):
            self.load()
        with self.assertLogs("ccp", "WARNING") as logs:
            manifest = self.load(allow_subset=True)
        self.assertIn("left out: 3 of 11788 image files of cub are not there", logs.output[0])
        self.assertEqual(manifest.counts()["train"].images, 5861)
        self.assertTrue(all(os.path.exists(os.path.join(manifest.root, path)) for path in manifest.paths[::500]))

    def test_none_is_there(self):
        self.remove(None)
        with self.assertRaisesRegex(DataError, "None of the 11788 image files of cub is in"):
            self.load(allow_subset=True)

    def test_more_is_no_subset(self):
        folder = self.home / "CUB_200_2011"
        for name, line in (
            ("images.txt", "11789 001.Extra/extra.jpg"),
            ("image_class_labels.txt", "11789 1"),
            ("bounding_boxes.txt", "11789 0.0 0.0 5.0 5.0"),
        ):
            with open(folder / name, "a") as file:
                file.write(line + "\n")
        (folder / "images" / "001.Extra").mkdir()
        picture = next((folder / "images").rglob("*.jpg"))
        (folder / "images" / "001.Extra" / "extra.jpg").write_bytes(picture.read_bytes())
        with self.assertRaisesRegex(DataError, "train should have 5864 images of 100 classes; it has 5865 of 100"):
            self.load()
        with self.assertRaisesRegex(DataError, "is no subset: train has 5865 images of 100 classes, and all of it"):
            self.load(allow_subset=True)


class SizeTest(tf.test.TestCase):
    def test_batches_of_sop_come_from_index_matrices(self):
        # 11,318 classes: no object of TensorFlow's for each, and an epoch is drawn at once.
        from ccp.sampling import candidates_per_class, m_per_class

        labels = np.sort(np.random.default_rng(0).integers(0, 11_318, 59_551 - 2 * 11_318))
        labels = np.concatenate([labels, np.repeat(np.arange(11_318), 2)])
        batches = m_per_class(labels, 8, 4, 250, seed=0, epoch=0)
        self.assertLen(np.unique(labels[batches]), 2000)
        pool = candidates_per_class(labels, 7, seed=0, draw=0)
        np.testing.assert_array_equal(labels[pool], np.repeat(np.arange(11_318), 7).reshape(-1, 7))


class PhotographsTest(tf.test.TestCase):
    def test_a_folder_is_a_data_set(self):
        folder = pictures.folder_for(self)
        photographs.write(folder, num_classes=6, per_class=2)
        manifest = catalog.load(DataSettings(dataset="folder", data_dir=str(folder), test_fraction=0.34))
        self.assertEqual(manifest.counts(), {"train": Counts(8, 4), "test": Counts(4, 2)})

    def test_what_cannot_be_scored_is_refused_before_training(self):
        folder = pictures.folder_for(self)
        photographs.write(folder, num_classes=6, per_class=2)
        for label in "345":
            (folder / label / "1.jpg").unlink()
        with self.assertRaisesRegex(DataError, "no test image has another one of its class to be found"):
            catalog.load(DataSettings(dataset="folder", data_dir=str(folder)))
