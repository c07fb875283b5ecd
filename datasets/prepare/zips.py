"""Zip archives, read by their table of contents."""

from __future__ import annotations

import pathlib
import stat
import zipfile
from collections.abc import Iterator

from datasets.manifest import DataError
from datasets.prepare.damage import damage_named
from datasets.prepare.files import blocks_of
from datasets.prepare.listing import Contents, Listing, normal_path

_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class ZipReader:
    """The contents of a zip archive.

    Args:
      archive: the file.
      max_bytes: that the files may have together.
    """

    def __init__(self, archive: pathlib.Path, max_bytes: int):
        self._archive, self._max_bytes = archive, max_bytes

    def listing(self) -> Listing:
        """What is there, as the archive's table of contents has it.

        Raises:
          DataError: the archive is damaged, encrypted, or not fit to be extracted.
        """
        listing = Listing(self._archive, self._max_bytes)
        with damage_named(self._archive), zipfile.ZipFile(self._archive) as archive:
            for entry in archive.infolist():
                path = listing.path_of(entry.orig_filename)
                if path is not None:
                    self._enlist(listing, path, entry)
        listing.close()
        return listing

    def contents(self, wanted: set[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The paths of wanted files as they come in the archive, each with its bytes."""
        left = set(wanted)
        with damage_named(self._archive), zipfile.ZipFile(self._archive) as archive:
            for entry in archive.infolist():
                path = normal_path(entry.orig_filename)
                if path in left and not _is_folder(entry):
                    left.remove(path)
                    yield path, self._bytes_of(archive, entry)

    def _enlist(self, listing: Listing, path: str, entry: zipfile.ZipInfo) -> None:
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise listing.refusal(entry.filename, "is a link or a device")
        if _is_folder(entry):
            listing.folders.add(path)
            return
        if entry.flag_bits & _ENCRYPTED:
            raise DataError(
                f"{self._archive} is encrypted: {entry.filename!r} needs a password. Unpack it with the password that "
                "the data set's makers gave you; the data can be used from there."
            )
        if entry.compress_type not in _METHODS:
            raise DataError(
                f"{self._archive} is compressed by method {entry.compress_type}, which cannot be read here. Unpack it "
                "with another program; the data can be used from there."
            )
        listing.announce(entry.filename, entry.file_size)
        listing.add_file(path, Contents(entry.file_size, entry.CRC))

    def _bytes_of(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
        with damage_named(self._archive), archive.open(entry) as file:
            yield from blocks_of(file)


def _is_folder(entry: zipfile.ZipInfo) -> bool:
    return entry.orig_filename.endswith("/")
