"""Which directories count as versions, which number comes next, and what is left of an export that fails."""

import pathlib

import tensorflow as tf
from absl.testing import parameterized

from models.serving.versions import ExportError, check_place, new_version, version_directory, versions
from tests.datasets import pictures


class VersionsTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self) / "made on the way" / "model"

    def write(self, version=None):
        with new_version(self.home, version) as place:
            (place / "saved_model.pb").write_text("a model")

    def names(self):
        return sorted(path.name for path in self.home.iterdir())

    def test_numbers_go_up(self):
        self.assertEqual(versions(self.home), [])
        for number in (1, 2):
            self.assertEqual(check_place(self.home), number)
            self.write()
        self.write(9)
        self.write(5)
        self.write()
        self.assertEqual(versions(self.home), [1, 2, 5, 9, 10])
        self.assertEqual(version_directory(self.home), self.home / "10")  # By number, not by name.
        self.assertEqual(version_directory(self.home / "2"), self.home / "2")

    def test_a_version_that_is_there_is_refused_and_left_alone(self):
        self.write()
        with self.assertRaisesRegex(ExportError, "1 exists already; pass another --version, or leave it out for 2"):
            self.write(1)
        self.assertEqual((self.home / "1" / "saved_model.pb").read_text(), "a model")
        # Serving takes any number for a version, also one with zeros before it.
        (self.home / "007").mkdir()
        with self.assertRaisesRegex(ExportError, "007 exists already"):
            self.write(7)
        self.assertEqual(check_place(self.home), 8)

    @parameterized.parameters(0, -3)
    def test_numbers_that_are_none(self, number):
        with self.assertRaisesRegex(ExportError, "numbered from 1"):
            self.write(number)

    def test_is_no_version_until_it_is_whole(self):
        with new_version(self.home) as place:
            self.assertEqual(place.parent, self.home)
            self.assertFalse(place.name.isdigit())
            self.assertEqual(versions(self.home), [])
        self.assertEqual(self.names(), ["1"])

    def test_nothing_is_left_where_writing_fails(self):
        with self.assertRaisesRegex(ValueError, "no weights"), new_version(self.home):
            raise ValueError("no weights")
        self.assertEqual(self.names(), [])

    def test_what_a_killed_export_left_is_replaced(self):
        (self.home / "1.unfinished").mkdir(parents=True)
        (self.home / "1.unfinished" / "torn").write_text("half")
        self.write()
        self.assertEqual(self.names(), ["1"])
        self.assertEqual([path.name for path in (self.home / "1").iterdir()], ["saved_model.pb"])

    def test_another_process_was_first(self):
        with self.assertRaisesRegex(ExportError, "written meanwhile"), new_version(self.home) as place:
            (place / "saved_model.pb").write_text("late")
            (self.home / "1").mkdir()
            (self.home / "1" / "saved_model.pb").write_text("early")
        self.assertEqual((self.home / "1" / "saved_model.pb").read_text(), "early")
        self.assertEqual(self.names(), ["1"])

    def test_an_empty_directory_is_taken(self):
        self.home.mkdir(parents=True)
        self.write()
        self.assertEqual(versions(self.home), [1])

    @parameterized.parameters("kept.txt", "1", "v1/saved_model.pb")
    def test_a_directory_of_something_else_is_refused_and_left_alone(self, name):
        kept = self.home / name  # A file of the name 1 is no version, either.
        kept.parent.mkdir(parents=True)
        kept.write_text("mine")
        with self.assertRaisesRegex(ExportError, "model exists already and holds no exported versions; pass another"):
            self.write()
        self.assertEqual([path for path in self.home.rglob("*") if path.is_file()], [kept])

    def test_a_file_is_refused(self):
        self.home.parent.mkdir()
        self.home.write_text("mine")
        with self.assertRaisesRegex(ExportError, "exists already"):
            self.write()

    def test_versions_beside_other_files_are_gone_on_with(self):
        # Serving's configuration may lie there.
        self.write()
        (self.home / "models.config").write_text("")
        self.assertEqual(check_place(self.home), 2)

    @parameterized.parameters("", "1", "notes")
    def test_no_model(self, name):
        place = self.home / name
        place.mkdir(parents=True)
        for directory in (place, self.home, pathlib.Path("nowhere")):
            with self.assertRaisesRegex(ExportError, "holds no SavedModel; make one with: main.py export"):
                version_directory(directory)
