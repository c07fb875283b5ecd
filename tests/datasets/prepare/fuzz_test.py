"""Archives with random damage: an error that says so, or files as they were."""

from __future__ import annotations

import shutil
import tarfile
import time
import zipfile

import numpy as np
from absl.testing import parameterized

from datasets.manifest import DataError
from tests.support.packing import (
    KINDS,
    ArchiveTest,
    file_entry,
    files_in,
    special_entry,
    tar_of,
    tree,
    zip_of,
)

_SECONDS = 1.5
_FILES = {"a/1.txt": b"one" * 40, "a/b/2.bin": bytes(range(200)) * 7, "c" * 120 + "/3": b"3", "4": b""}
_LINKS = [("a/5", tarfile.SYMTYPE, "1.txt"), ("6", tarfile.LNKTYPE, "a/b/2.bin"), ("d", tarfile.DIRTYPE, "")]
_BLOCK = 512


def _archive_of(kind: str) -> bytes:
    if kind == "zip":
        return zip_of(_FILES.items(), zipfile.ZIP_DEFLATED)
    entries = [file_entry(*item) for item in _FILES.items()] + [special_entry(*link) for link in _LINKS]
    return tar_of(entries, "w" if kind == "tar" else "w:gz")


def _damaged(contents: bytes, kind: str, random: np.random.Generator) -> bytes:
    """Some bytes changed, some cut or put in; half of the tars get headers whose checksums are right again."""
    damaged = bytearray(contents)
    for _ in range(random.integers(1, 9)):
        place, action = int(random.integers(len(damaged))), random.integers(10)
        if action < 7:
            damaged[place] = random.choice([0, 1, 0x2E, 0x2F, 0x30, 0x37, 0x80, 0xFF, random.integers(256)])
        elif action == 7:
            del damaged[place : place + int(random.integers(1, 600))]
        elif action == 8:
            damaged[place:place] = random.bytes(random.integers(1, 600))
        else:
            other = int(random.integers(len(damaged)))
            damaged[place : place + 30] = damaged[other : other + 30]
        if not damaged:
            break
    if kind == "tar" and random.integers(2):
        for begin in range(0, len(damaged) - _BLOCK + 1, _BLOCK):
            header = damaged[begin : begin + _BLOCK]
            if header[257:262] == b"ustar":
                header[148:156] = b" " * 8
                damaged[begin + 148 : begin + 156] = b"%06o\0 " % sum(header)
    return bytes(damaged)


class FuzzTest(ArchiveTest):
    @parameterized.parameters(*KINDS)
    def test_damage_is_an_error_or_does_no_harm(self, kind):
        whole, random = _archive_of(kind), np.random.default_rng(KINDS.index(kind))
        self.extract(whole)
        originals = set(files_in(self.target).values())
        self.assertEqual(originals, set(_FILES.values()))
        outcomes = {"refused": 0, "extracted": 0}
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline or min(outcomes.values()) == 0:
            shutil.rmtree(self.target, ignore_errors=True)
            damaged = _damaged(whole, kind, random)
            try:
                self.extract(damaged, 10**6)
            except DataError:
                outcomes["refused"] += 1
            else:
                outcomes["extracted"] += 1
                if kind != "tar":  # That has no sums of its contents.
                    self.assertContainsSubset(set(files_in(self.target).values()), originals)
            # tree() finds no link and no device, and all that there is lies in the target.
            outside = [name for name in tree(self.folder) if not name.startswith("deep/target")]
            self.assertContainsSubset(outside, ["archive", "deep"])
        self.assertGreater(outcomes["refused"], 50)
