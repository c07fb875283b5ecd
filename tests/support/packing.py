"""Archives for tests, good ones and others, and what there is on disk."""

from __future__ import annotations

import contextlib
import io
import pathlib
import tarfile
import warnings
import zipfile
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.prepare.archives import extract
from tests.support.pictures import folder_for

KINDS = ("tar", "tgz", "zip")

FILES = {
    "birds/list.txt": b"1 crow\n2 wren\n",
    "birds/images/crow/1.jpg": bytes(range(256)) * 10,
    "birds/images/wren/2.jpg": np.random.default_rng(0).bytes(70_000),
    "birds/images/wren/empty.txt": b"",
}
PLENTY = 10**7


def file_entry(name: str, contents: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """An entry of a tar archive that is a file."""
    entry = tarfile.TarInfo(name)
    entry.size = len(contents)
    return entry, contents


def special_entry(name: str, kind: bytes, linkname: str = "") -> tuple[tarfile.TarInfo, bytes]:
    """An entry of a tar archive that is something else."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = kind, linkname
    return entry, b""


def tar_of(entries: Iterable[tuple[tarfile.TarInfo, bytes]], mode: str = "w") -> bytes:
    """A tar archive of entries with their contents."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:
        for entry, contents in entries:
            archive.addfile(entry, io.BytesIO(contents))
    return buffer.getvalue()


def zip_of(files: Iterable[tuple[str | zipfile.ZipInfo, bytes]], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive of files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Some names come twice here, on purpose.
        for name, contents in files:
            archive.writestr(name, contents)
    return buffer.getvalue()


def packed(kind: str, files: Mapping[str, bytes]) -> bytes:
    """A tar, tgz or zip archive of files."""
    if kind == "zip":
        return zip_of(files.items())
    return tar_of((file_entry(*item) for item in files.items()), {"tar": "w", "tgz": "w:gz"}[kind])


def tree(folder: pathlib.Path) -> dict[str, bytes | None]:
    """Everything below a folder by its path: the contents of files, None for folders; nothing else may be there."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        assert not path.is_symlink(), name
        if path.is_dir():
            found[name] = None
        else:
            assert path.is_file(), name
            found[name] = path.read_bytes()
    return found


def files_in(folder: pathlib.Path) -> dict[str, bytes]:
    """The contents of every file below a folder."""
    return {name: contents for name, contents in tree(folder).items() if contents is not None}


@contextlib.contextmanager
def silent(title, total, done=0):
    """Progress that nobody sees."""
    del title, total, done
    yield lambda size: None


class ArchiveTest(parameterized.TestCase, tf.test.TestCase):
    """Has a folder with room for an archive, and for a target within it."""

    def setUp(self):
        super().setUp()
        self.folder = folder_for(self)
        self.archive, self.target = self.folder / "archive", self.folder / "deep" / "target"

    def extract(self, contents: bytes | None = None, max_bytes: int = PLENTY) -> tuple[str, ...]:
        if contents is not None:
            self.archive.write_bytes(contents)
        return extract(self.archive, self.target, max_bytes, silent)
