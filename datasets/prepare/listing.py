"""What an archive holds, checked in full before anything of it is written."""

from __future__ import annotations

import os
import pathlib
import posixpath
import re
from typing import NamedTuple

from datasets.manifest import DataError
from datasets.prepare.files import UNFINISHED
from datasets.progress_bar import in_words

MAX_ENTRIES = 1_000_000
_LONGEST_PART, _LONGEST_NAME = 255, 2048


class Contents(NamedTuple):
    """The size in bytes and the CRC-32 of a file."""

    size: int
    crc: int


class Listing:
    """The files, folders and links of an archive.

    Args:
      archive: for messages.
      max_bytes: that all files together may have.

    Attributes:
      files: contents by path, relative and with forward slashes.
      folders: every folder, also those that are only implied.
      copies: the path of a file by that of each link to it.
    """

    def __init__(self, archive: pathlib.Path, max_bytes: int):
        self._archive, self._max_bytes = archive, max_bytes
        self._entries, self._announced = 0, 0
        self._links: dict[str, str] = {}
        self.files: dict[str, Contents] = {}
        self.folders: set[str] = set()
        self.copies: dict[str, str] = {}

    def path_of(self, name: str) -> str | None:
        """Where an entry goes; None for one that is left out, such as what macOS adds to archives.

        Raises:
          DataError: the name leads out of the archive or is no name, or there are too many entries.
        """
        self._entries += 1
        if self._entries > MAX_ENTRIES:
            raise self.refusal(name, f"is one too many: {MAX_ENTRIES:,} are allowed")
        path = normal_path(name)
        problem = _problem_of(name, path)
        if problem:
            raise self.refusal(name, problem)
        return path if path and not _is_junk(path) else None

    def announce(self, name: str, size: int) -> None:
        """Counts a file's bytes before they are read.

        Raises:
          DataError: the size cannot be, or the files are too large together.
        """
        if size < 0:
            raise self.refusal(name, f"has a size of {size} bytes")
        self._announced += size
        if self._announced > self._max_bytes:
            raise self.refusal(name, f"makes the files larger than the {in_words(self._max_bytes)} that are allowed")

    def add_file(self, path: str, contents: Contents) -> None:
        """Takes in a file; the same one twice is one."""
        if self.files.setdefault(path, contents) != contents:
            raise self.refusal(path, "comes twice, with different contents")

    def add_link(self, path: str, target: str) -> None:
        """Takes in a link to another entry, by the path of that."""
        if self._links.setdefault(path, target) != target:
            raise self.refusal(path, "comes twice, as different links")

    def close(self) -> None:
        """Follows the links and checks everything against everything else, once all entries are in."""
        for link in self._links:
            self.copies[link] = self._followed(link)
            self.announce(link, self.files[self.copies[link]].size)
        paths = [*self.files, *self.copies]
        if not paths:
            raise DataError(f"{self._archive} holds no files; fetch it again.")
        for path in (*paths, *self.folders):
            self.folders.update(str(parent) for parent in pathlib.PurePosixPath(path).parents)
        for path in paths:
            if path in self.folders or (path in self.files and path in self.copies):
                raise self.refusal(path, "comes twice, as different things")

    def refusal(self, name: str, why: str) -> DataError:
        """The error for an entry that is not extracted, nor anything else of its archive."""
        return DataError(
            f"{self._archive}: the entry {name[:200]!r} {why}. Nothing was extracted; fetch the archive again, from "
            "the data set's makers."
        )

    def _followed(self, link: str) -> str:
        target, seen = link, {link}
        while target not in self.files:
            target = self._links.get(target, "")
            if not target or target in seen:
                raise self.refusal(link, "is a link to no file of the archive")
            seen.add(target)
        return target


def normal_path(name: str) -> str:
    """A name without ``.`` parts and doubled slashes, as paths are listed; the root is empty."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def link_target(link: str, target: str) -> str:
    """The path that a symbolic link leads to; empty where it leads out of the archive."""
    path = posixpath.normpath(posixpath.join(posixpath.dirname(link), target))
    return "" if path.startswith(("/", "..")) else path


def _problem_of(name: str, path: str) -> str:
    parts = path.split("/")
    if not name or any(ord(character) < 32 for character in name):
        return "has no name, or control characters in it"
    if name.startswith("/") or "\\" in name or ".." in parts or re.match("[A-Za-z]:", path):
        return "leads out of the folder that it is extracted to"
    if UNFINISHED in parts:
        return "has a name that is used while extracting"
    if len(os.fsencode(path)) > _LONGEST_NAME or any(len(os.fsencode(part)) > _LONGEST_PART for part in parts):
        return "has too long a name"
    return ""


def _is_junk(path: str) -> bool:
    folders, _, name = path.rpartition("/")
    return "__MACOSX" in (*folders.split("/"), name) or name.startswith("._") or name == ".DS_Store"
