"""Which directories count as versions, which number comes next, and what is left of an export that fails."""

import errno
import pathlib
import resource
import shutil
import threading
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.serving.versions import ExportError, check_place, version_directory, versions, write_version
from tests.support.made_versions import MadeVersions


class VersionsTest(MadeVersions, parameterized.TestCase, tf.test.TestCase):
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
        def look(place):
            (name,) = self.names()
            self.assertTrue(place.is_relative_to(self.home / name))
            self.assertFalse(name.isdigit())
            self.assertEqual(versions(self.home), [])

        self.assertEqual(self.write(meanwhile=look), self.home / "1")
        self.assertEqual(self.names(), ["1"])
        self.assertEqual([path.name for path in (self.home / "1").iterdir()], ["saved_model.pb"])
        # As readable as other directories, though those that are made for a moment are their owner's alone.
        (self.home / "other").mkdir()
        self.assertEqual((self.home / "1").stat().st_mode, (self.home / "other").stat().st_mode)

    def test_nothing_is_left_where_writing_fails(self):
        for error in (ValueError("no weights"), KeyboardInterrupt("no weights")):
            with self.assertRaisesRegex(type(error), "no weights"):
                self.write(meanwhile=mock.Mock(side_effect=error))
            self.assertFalse(self.home.exists())
        self.home.mkdir()
        with self.assertRaisesRegex(ValueError, "no weights"):
            self.write(meanwhile=mock.Mock(side_effect=ValueError("no weights")))
        self.assertEqual(self.names(), [])

    @parameterized.parameters(
        (OSError(errno.ENOSPC, "No space left on device", "torn"), "No space left on device: 'torn'"),
        (
            tf.errors.ResourceExhaustedError(
                None, None, "{{function_node x}} torn; No space left on device [Op:SaveV2]"
            ),
            "torn; No space left on device",
        ),
    )
    def test_a_full_disk(self, error, shown):
        with self.assertRaisesRegex(
            ExportError,
            rf"No version could be written into {self.home}, and nothing is left of it: .*\. Free some space",
        ) as raised:
            self.write(meanwhile=mock.Mock(side_effect=error))
        self.assertIn(f"{shown}. Free", str(raised.exception))
        self.assertNotIn("{{", str(raised.exception))
        self.assertFalse(self.home.exists())

    def test_a_disk_that_is_full_under_tensorflow(self):
        module = tf.Module()
        module.weights = tf.Variable(np.random.default_rng(0).random(20_000))
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
        try:
            with self.assertRaisesRegex(ExportError, "nothing is left of it: .*; File too large. Free some space"):
                write_version(self.home, None, lambda place: tf.saved_model.save(module, str(place)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        self.assertFalse(self.home.exists())

    def test_two_at_once(self):
        both = threading.Barrier(2, timeout=30)
        written = {}

        def write(text):
            written[text] = self.write(text=text, meanwhile=lambda _: both.wait())

        writers = [threading.Thread(target=write, args=(text,)) for text in ("one", "other")]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        self.assertEqual(self.names(), ["1", "2"])
        self.assertEqual({path.name: text for text, path in written.items()}, self.texts())
        self.assertCountEqual(self.texts().values(), ["one", "other"])

    def test_one_that_starts_later_and_ends_before(self):
        def meanwhile(_):
            self.assertEqual(self.write(text="fast"), self.home / "1")
            self.assertLen(self.names(), 2)

        self.assertEqual(self.write(text="slow", meanwhile=meanwhile), self.home / "2")
        self.assertEqual(self.texts(), {"1": "fast", "2": "slow"})

    def test_a_number_that_is_taken_at_the_last_moment(self):
        rename = pathlib.Path.rename

        def late(place, final):
            if final.name == "1":
                final.mkdir()
                (final / "saved_model.pb").write_text("early")
            return rename(place, final)

        with mock.patch.object(pathlib.Path, "rename", late):
            self.assertEqual(self.write(text="late"), self.home / "2")
        self.assertEqual(self.texts(), {"1": "early", "2": "late"})

    def test_a_number_that_is_taken_meanwhile(self):
        with self.assertRaisesRegex(ExportError, "3 has been written meanwhile; pass another --version, or leave"):
            self.write(3, "late", meanwhile=lambda _: self.write(3, "early"))
        self.assertEqual(self.texts(), {"3": "early"})
        self.assertEqual(self.names(), ["3"])

    def test_a_check_just_before_the_number(self):
        asked = []

        def check(number):
            asked.append(number)
            if number == 2:
                raise ExportError("Not number 2.")

        self.write(check=check)
        with self.assertRaisesRegex(ExportError, "^Not number 2.$"):
            self.write(check=check)
        with self.assertRaisesRegex(ExportError, "^Not number 2.$"):  # It was to be 1, as it began.
            shutil.rmtree(self.home)
            self.write(meanwhile=lambda _: self.write(text="meanwhile"), check=check)
        self.assertEqual((asked, self.names()), ([1, 2, 2], ["1"]))
        # One that comes after the check takes the number, so that the check is made again.
        shutil.rmtree(self.home)

        def late(number):
            check(number)
            self.write(text="late")

        with self.assertRaisesRegex(ExportError, "^Not number 2.$"):
            self.write(check=late)
        self.assertEqual((self.texts(), self.names()), ({"1": "late"}, ["1"]))

    def test_what_is_gone_by_the_time_it_is_looked_at_is_no_strangers(self):
        self.home.mkdir(parents=True)
        listed = pathlib.Path.iterdir
        gone = self.home / "1.unfinished-abcdefgh"
        with mock.patch.object(pathlib.Path, "iterdir", lambda folder: [*listed(folder), gone]):
            self.assertEqual(check_place(self.home), 1)
            gone.write_text("A file is no export's.")
            with self.assertRaisesRegex(ExportError, "holds no exported versions"):
                check_place(self.home)
        gone.unlink()
        with mock.patch.object(pathlib.Path, "iterdir", side_effect=FileNotFoundError):
            self.assertEqual(check_place(self.home), 1)

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
        with self.assertRaisesRegex(ExportError, "model/below cannot be written; pass --export_dir"):
            check_place(self.home / "below")

    def test_a_file_that_is_named_as_a_version_is_passed_over(self):
        self.write()
        (self.home / "2").write_text("mine")
        self.assertEqual(self.write(), self.home / "3")
        with self.assertRaisesRegex(ExportError, "2 exists already; pass another --version, or leave it out for 4"):
            self.write(2)

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
