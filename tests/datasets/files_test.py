"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import resource
from unittest import mock

import numpy as np
from absl.testing import absltest

from datasets import files as outputs
from datasets.files import OutputError, check_directory, save_json, written_whole
from experiments.embed_files import find_files
from experiments.npz import save_npz
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
                # It may lie among images, which others read meanwhile.
                self.assertEqual(find_files(str(self.folder)), [str(self.path)])
            self.assertEqual(self.path.read_text(), "other")
        self.assertEqual((self.path.read_text(), self.names()), ("one", ["file"]))
        (self.folder / "plain").touch()
        self.assertEqual(self.path.stat().st_mode, (self.folder / "plain").stat().st_mode)

    def test_is_on_the_disk_before_it_takes_the_place_of_what_is(self):
        with (
            mock.patch.object(outputs.os, "fsync", side_effect=OSError(errno.EIO, "Input/output error")),
            self.assertRaisesRegex(OutputError, r"cannot be written \(Input/output error\)"),
        ):
            save_json(self.path, {})
        self.assertEqual((self.path.read_text(), self.names()), ("before", ["file"]))

    def test_no_room(self):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        noise = np.random.default_rng(0).random(2000)
        for write in (lambda: save_json(self.path, noise.tolist()), lambda: save_npz(str(self.path), noise=noise)):
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
            try:
                with self.assertRaisesRegex(OutputError, r"file cannot be written \(File too large\); free some space"):
                    write()
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            self.assertEqual((self.path.read_text(), self.names()), ("before", ["file"]))

    def test_directories(self):
        check_directory(self.folder, "--output")
        check_directory(self.folder / "new" / "deep", "--output")
        for place in (self.path, self.path / "below"):
            with self.assertRaisesRegex(
                OutputError, "cannot be written; pass --output, a directory that you may write"
            ):
                check_directory(place, "--output")
        self.assertEqual(self.names(), ["file"])
