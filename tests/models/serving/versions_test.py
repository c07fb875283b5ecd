"""Which directories are versions, which number comes next, and that a failure leaves nothing behind."""

import os
import pathlib
import resource
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.files import OutputError
from models.serving.versions import ExportError, check_export_directory, new_version, version_directory, versions
from tests.support import pictures


class VersionsTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self) / "created" / "model"

    def write(self, version=None, meanwhile=lambda place: None):
        with new_version(self.home, version) as (place, final):
            (place / "saved_model.pb").write_text("a model")
            meanwhile(place)
        return final

    def names(self):
        return sorted(path.name for path in self.home.iterdir())

    def test_numbers_go_up(self):
        self.assertEqual(versions(self.home), [])
        for version in (None, None, 9, 5, None):
            self.write(version)
        self.assertEqual(versions(self.home), [1, 2, 5, 9, 10])
        self.assertEqual(version_directory(self.home), self.home / "10")  # By number, not by name.
        self.assertEqual(version_directory(self.home / "2"), self.home / "2")

    def test_existing_versions_and_numbers_below_1_are_refused(self):
        self.write()
        with self.assertRaisesRegex(ExportError, "1 exists already; pass another --version, or leave it out for 2"):
            self.write(1)
        for number in (0, -3):
            with self.assertRaisesRegex(ExportError, "numbered from 1"):
                self.write(number)
        self.assertEqual(self.names(), ["1"])

    def test_has_no_number_until_it_is_complete(self):
        def look(place):
            self.assertEqual((self.names(), versions(self.home)), ([place.name], []))

        self.assertEqual(self.write(meanwhile=look), self.home / "1")
        self.assertEqual([path.name for path in (self.home / "1").iterdir()], ["saved_model.pb"])
        (self.home / "other").mkdir()  # As readable as other directories.
        self.assertEqual((self.home / "1").stat().st_mode, (self.home / "other").stat().st_mode)

    def test_a_failure_leaves_nothing(self):
        for error in (ValueError("no weights"), KeyboardInterrupt("no weights")):
            with self.assertRaisesRegex(type(error), "no weights"):
                self.write(meanwhile=mock.Mock(side_effect=error))
            self.assertEqual(self.names(), [])

    def test_what_killed_exports_have_left_goes_and_what_others_write_stays(self):
        self.write()
        for name in (".new-0123abcd", ".new-mine", "notes"):
            (self.home / name).mkdir()
            (self.home / name / "saved_model.pb").touch()
        with new_version(self.home, None) as (other, _):
            self.assertEqual(self.write(3), self.home / "3")
            self.assertTrue(other.exists())
        self.assertEqual(self.names(), [".new-mine", "1", "2", "3", "notes"])

    def test_a_full_disk(self):
        module = tf.Module()
        module.weights = tf.Variable(np.random.default_rng(0).random(20_000))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        try:
            message = r"written into .*File too large.*nothing is left of it"
            with self.assertRaisesRegex(ExportError, message), new_version(self.home, None) as (place, _):
                tf.saved_model.save(module, str(place))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        self.assertEqual(self.names(), [])

    def test_a_place_that_cannot_be_written(self):
        os.makedirs(self.home.parent)
        self.home.write_text("mine")
        for place in (self.home, self.home / "below"):
            with self.assertRaisesRegex(OutputError, "cannot be written; pass --export_dir"):
                check_export_directory(place)

    @parameterized.parameters("a[1]", "a?", "a*", "a\\b")
    def test_a_place_that_a_model_could_not_be_loaded_from(self, name):
        with self.assertRaisesRegex(ExportError, "takes .* as a pattern of files .* Pass another --export_dir"):
            check_export_directory(self.home / name)

    @parameterized.parameters("", "1", "notes")
    def test_no_model(self, name):
        place = self.home / name
        place.mkdir(parents=True)
        for directory in (place, self.home, pathlib.Path("nowhere")):
            with self.assertRaisesRegex(ExportError, "holds no SavedModel; make one with: main.py export"):
                version_directory(directory)
