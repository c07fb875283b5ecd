"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import pathlib
import threading
from unittest import mock

from absl.testing import absltest

from datasets import files as outputs
from datasets.files import OutputError, check_directory, save_csv, save_json, written_whole
from tests.support import pictures


class OutputsTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.path = self.folder / "file"
        self.path.write_text("before")

    def names(self):
        return [path.name for path in self.folder.iterdir()]

    def test_takes_its_place_when_it_is_whole(self):
        with written_whole(self.path) as temporary:
            temporary.write_text("after")
            self.assertEqual(self.path.read_text(), "before")
        self.assertEqual(self.path.read_text(), "after")
        self.assertEqual(self.names(), ["file"])

    def test_a_table(self):
        save_csv(self.path, ("image", "n"), ([name, number] for number, name in enumerate(["a,b.jpg", "\udcff.jpg"])))
        self.assertEqual(self.path.read_bytes(), b'image,n\n"a,b.jpg",0\n\xff.jpg,1\n')

    def test_what_fails_leaves_what_was_there(self):
        with self.assertRaises(KeyboardInterrupt), written_whole(self.path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
        self.assertEqual((self.path.read_text(), self.names()), ("before", ["file"]))

    def test_two_writers(self):
        with written_whole(self.path) as one:
            one.write_text("one")
            with written_whole(self.path) as other:
                other.write_text("other")
                # Hidden, as it may be among images, which others read meanwhile.
                self.assertEqual([name for name in self.names() if not name.startswith(".")], ["file"])
            self.assertEqual(self.path.read_text(), "other")
        self.assertEqual((self.path.read_text(), self.names()), ("one", ["file"]))
        (self.folder / "plain").touch()
        self.assertEqual(self.path.stat().st_mode, (self.folder / "plain").stat().st_mode)

    def test_is_on_the_disk_before_it_replaces_the_earlier_file(self):
        failing = mock.patch.object(outputs.os, "fsync", side_effect=OSError(errno.EIO, "Input/output error"))
        with failing, self.assertRaisesRegex(OutputError, r"cannot be written \(Input/output error\)"):
            save_json(self.path, {})
        self.assertEqual((self.path.read_text(), self.names()), ("before", ["file"]))

    def test_links_stay(self):
        for target in (self.path, self.folder / "new"):
            link = self.folder / "link"
            link.symlink_to(target)
            save_json(link, 1)
            self.assertTrue(link.is_symlink())
            self.assertEqual(target.read_text(), "1\n")
            link.unlink()

    def test_pipes_and_devices_are_written_to(self):
        pipe = self.folder / "pipe"
        os.mkfifo(pipe)
        read = []
        reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
        reader.start()
        save_json(pipe, 1)
        reader.join(10)
        self.assertEqual(read, ["1\n"])
        self.assertTrue(pipe.is_fifo())
        link = self.folder / "null"
        link.symlink_to("/dev/null")
        for place in ("/dev/null", link):
            save_json(place, 1)
            self.assertTrue(pathlib.Path(place).is_char_device())

    def test_a_full_device_and_a_directory(self):
        with self.assertRaisesRegex(OutputError, "cannot be written .Is a directory.. Make room on the disk"):
            save_json(self.folder, 1)
        with self.assertRaisesRegex(OutputError, r"/dev/full cannot be written \(No space left on device\)"):
            save_json("/dev/full", 1)
        self.assertTrue(pathlib.Path("/dev/full").is_char_device())

    def test_directories(self):
        check_directory(self.folder, "--output")
        check_directory(self.folder / "new" / "deep", "--output")
        for place in (self.path, self.path / "below"):
            with self.assertRaisesRegex(
                OutputError, "cannot be written; pass --output, a directory that you may write"
            ):
                check_directory(place, "--output")
        self.assertEqual(self.names(), ["file"])
