"""Extraction of good archives, and of the same ones again."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from unittest import mock

import numpy as np
from absl.testing import parameterized

from datasets.manifest import DataError
from datasets.prepare.archives import verify
from tests.support.command_line import ROOT
from tests.support.packing import (
    FILES,
    KINDS,
    ArchiveTest,
    file_entry,
    files_in,
    packed,
    silent,
    special_entry,
    tar_of,
    tree,
    zip_of,
)

# A process that kills itself, as kill -9 would, after so many bytes were written.
_MORTAL = """
import contextlib, os, signal, sys
from datasets.prepare.archives import extract
left = int(sys.argv[3])

@contextlib.contextmanager
def deadly(title, total, done=0):
    def advance(size):
        global left
        left -= size if title.startswith("extracting") else 0
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    yield advance

extract(sys.argv[1], sys.argv[2], 10**9, deadly)
"""


class ExtractTest(ArchiveTest):
    @parameterized.parameters(*KINDS)
    def test_takes_out_every_file(self, kind):
        # The file has no suffix: its contents say what it is.
        self.assertCountEqual(self.extract(packed(kind, FILES)), FILES)
        self.assertEqual(files_in(self.target), FILES)

    @parameterized.parameters(*KINDS)
    def test_leaves_out_what_macos_adds(self, kind):
        junk = ("__MACOSX/birds/._list.txt", "birds/._list.txt", "birds/.DS_Store", "__MACOSX/x")
        self.extract(packed(kind, {**FILES, **dict.fromkeys(junk, b"junk"), "birds/a._b": b"kept"}))
        self.assertEqual(files_in(self.target), {**FILES, "birds/a._b": b"kept"})
        self.assertNotIn("__MACOSX", tree(self.target))

    @parameterized.parameters(*KINDS)
    def test_names_with_dots_and_doubled_slashes(self, kind):
        self.extract(packed(kind, {"./a//b/./1.txt": b"one", "./2.txt": b"two", "3..txt": b"three"}))
        self.assertEqual(files_in(self.target), {"a/b/1.txt": b"one", "2.txt": b"two", "3..txt": b"three"})

    def test_stored_zip(self):
        self.extract(zip_of(FILES.items(), zipfile.ZIP_STORED))
        self.assertEqual(files_in(self.target), FILES)

    def test_empty_folders_are_made(self):
        self.extract(tar_of([special_entry("a/b", tarfile.DIRTYPE), file_entry("c", b"c")]))
        self.assertEqual(tree(self.target), {"a": None, "a/b": None, "c": b"c"})
        self.extract(zip_of([("d/e/", b""), ("f", b"f")]))
        self.assertContainsSubset({"d": None, "d/e": None, "f": b"f"}, tree(self.target))

    def test_modes_are_not_taken_over(self):
        entry, contents = file_entry("run", b"#!")
        entry.mode = 0o6777
        self.extract(tar_of([(entry, contents)]))
        self.assertEqual((self.target / "run").stat().st_mode & 0o7111, 0)

    def test_links_within_the_archive_become_copies(self):
        self.extract(
            tar_of(
                [
                    special_entry("links/early", tarfile.SYMTYPE, "../files/one"),
                    file_entry("files/one", b"one"),
                    special_entry("links/hard", tarfile.LNKTYPE, "files/one"),
                    special_entry("links/of_a_link", tarfile.SYMTYPE, "early"),
                ]
            )
        )
        self.assertEqual(
            files_in(self.target),
            {"files/one": b"one", "links/early": b"one", "links/hard": b"one", "links/of_a_link": b"one"},
        )
        self.assertEqual((self.target / "files/one").stat().st_nlink, 1)
        self.assertEqual(tree(self.target / "files"), {"one": b"one"})

    @parameterized.parameters(*KINDS)
    def test_the_same_file_twice_is_one(self, kind):
        twice = [("a", b"one"), ("./a", b"one")]
        self.extract(zip_of(twice) if kind == "zip" else tar_of(file_entry(*item) for item in twice))
        self.assertEqual(files_in(self.target), {"a": b"one"})

    def test_long_names_and_other_scripts(self):
        files = {"ordner/größe/" + "x" * 200 + ".jpg": b"1", "鳥/" * 30 + "2.jpg": b"2"}
        for kind in KINDS:
            self.extract(packed(kind, files))
            self.assertEqual(files_in(self.target), files)


class AgainTest(ArchiveTest):
    @parameterized.parameters(*KINDS)
    def test_whole_files_stay_and_others_are_written_again(self, kind):
        self.extract(packed(kind, FILES))
        missing, short, altered, kept = (self.target / name for name in FILES)
        altered_contents = bytearray(altered.read_bytes())
        altered_contents[5000] ^= 1
        missing.unlink()
        short.write_bytes(b"short")
        altered.write_bytes(altered_contents)
        kept_before = kept.stat()
        self.extract()
        self.assertEqual(files_in(self.target), FILES)
        self.assertEqual((kept.stat().st_ino, kept.stat().st_mtime_ns), (kept_before.st_ino, kept_before.st_mtime_ns))

    @parameterized.product(kind=("tgz", "zip"), killed_at=(0, 1_500_000, 4_000_000, 5_900_000))
    def test_goes_on_after_a_kill(self, kind, killed_at):
        random = np.random.default_rng(1)
        files = {f"folder{i % 2}/{i}.bin": random.bytes(2_000_000) for i in range(3)}
        self.archive.write_bytes(packed(kind, files))
        arguments = [sys.executable, "-c", _MORTAL, self.archive, self.target, str(killed_at)]
        killed = subprocess.run(arguments, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        # Members are 2 MB each: as many are whole as fit into what was written, and the next one is begun.
        whole = [name for name in files if (self.target / name).exists()]
        self.assertLen(whole, killed_at // 2_000_000)
        self.assertLen(list(self.target.rglob(".unfinished")), 1)
        before = {name: (self.target / name).stat().st_ino for name in whole}
        self.extract()
        self.assertEqual(files_in(self.target), files)
        self.assertEqual({name: (self.target / name).stat().st_ino for name in whole}, before)

    def test_an_error_while_writing_leaves_no_part_of_a_file(self):
        self.archive.write_bytes(packed("tgz", FILES))
        with (
            mock.patch("datasets.prepare.files.os.replace", side_effect=OSError(28, "No space left on device")),
            self.assertRaisesRegex(OSError, "No space left"),
        ):
            self.extract()
        self.assertEmpty(files_in(self.target))

    def test_what_a_kill_left_behind_goes_even_where_nothing_is_missing(self):
        self.extract(packed("zip", FILES))
        (self.target / "birds/images/crow/.unfinished").write_bytes(b"half")
        self.extract()
        self.assertEqual(files_in(self.target), FILES)

    def test_something_else_is_in_the_way(self):
        self.archive.write_bytes(packed("zip", FILES))
        self.target.mkdir(parents=True)
        (self.target / "birds").write_bytes(b"a file")
        with self.assertRaisesRegex(DataError, "birds must be a folder to extract into, and is none; move it away"):
            self.extract()
        (self.target / "birds").unlink()
        (self.target / "birds/list.txt").mkdir(parents=True)
        with self.assertRaisesRegex(DataError, "list.txt is a folder where birds/list.txt is to be extracted"):
            self.extract()

    def test_links_that_lie_in_the_target_are_not_followed(self):
        elsewhere = self.folder / "elsewhere"
        elsewhere.mkdir()
        (elsewhere / "list.txt").write_bytes(b"not to be touched")
        self.target.mkdir(parents=True)
        (self.target / "birds").symlink_to(elsewhere)
        with self.assertRaisesRegex(DataError, "birds must be a folder to extract into, and is none"):
            self.extract(packed("tgz", FILES))
        (self.target / "birds").unlink()
        (self.target / "birds").mkdir()
        (self.target / "birds/list.txt").symlink_to(elsewhere / "list.txt")
        (self.target / "birds/.unfinished").symlink_to(elsewhere / "list.txt")
        (elsewhere / "the_same").write_bytes(FILES["birds/images/crow/1.jpg"])
        (self.target / "birds/images/crow").mkdir(parents=True)
        (self.target / "birds/images/crow/1.jpg").symlink_to(elsewhere / "the_same")
        self.extract()
        self.assertEqual(files_in(self.target), FILES)
        self.assertEqual((elsewhere / "list.txt").read_bytes(), b"not to be touched")


class VerifyTest(ArchiveTest):
    def test_a_sum(self):
        contents = np.random.default_rng(2).bytes(2_500_000)  # Of three blocks.
        self.archive.write_bytes(contents)
        expected = hashlib.md5(contents).hexdigest()
        self.assertEqual(verify(self.archive, None, silent), expected)
        self.assertEqual(verify(self.archive, expected, silent), expected)
        with self.assertRaisesRegex(
            DataError,
            f"archive should have the MD5 sum {'0' * 32}; it has {expected}. Fetch it again, .* --any_checksum",
        ):
            verify(self.archive, "0" * 32, silent)
        # Published: RFC 1321, A.5.
        self.archive.write_bytes(b"abc")
        self.assertEqual(verify(self.archive, "900150983cd24fb0d6963f7d28e17f72", silent)[:8], "90015098")
