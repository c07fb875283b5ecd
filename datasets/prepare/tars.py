"""Tar archives, compressed with gzip or not, read from front to back."""

from __future__ import annotations

import gzip
import pathlib
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from datasets.manifest import DataError
from datasets.prepare.damage import damage_named
from datasets.prepare.files import BLOCK
from datasets.prepare.listing import Contents, Listing, link_target, normal_path
from datasets.progress_bar import Advance, Progress, in_words

GZIP = b"\x1f\x8b"


class TarReader:
    """The contents of a tar archive.

    Sizes and links are believed only once the whole archive has been read: it is read once for the listing,
    with its checksums, and a second time for the contents.

    Args:
      archive: the file.
      max_bytes: that the archive may have once it is decompressed.
      progress: shows how far the first reading is.
    """

    def __init__(self, archive: pathlib.Path, max_bytes: int, progress: Progress):
        self._archive, self._max_bytes, self._progress = archive, max_bytes, progress

    def listing(self) -> Listing:
        """What is there.

        Raises:
          DataError: the archive is damaged, or not fit to be extracted.
        """
        listing = Listing(self._archive, self._max_bytes)
        with self._progress(f"checking {self._archive.name}", self._archive.stat().st_size) as advance:
            for entry, stream in self._entries(advance):
                path = listing.path_of(entry.name)
                if path is not None:
                    self._enlist(listing, path, entry, stream)
        listing.close()
        return listing

    def contents(self, wanted: set[str]) -> Iterator[tuple[str, Iterator[bytes]]]:
        """The paths of wanted files as they come in the archive, each with its bytes."""
        left = set(wanted)
        for entry, stream in self._entries(lambda size: None):
            path = normal_path(entry.name)
            if path in left and entry.isreg():
                left.remove(path)
                yield path, self._bytes_of(entry, stream)

    def _enlist(self, listing: Listing, path: str, entry: tarfile.TarInfo, stream: _Stream) -> None:
        if entry.isdir():
            listing.folders.add(path)
        elif entry.issym():
            listing.add_link(path, link_target(path, entry.linkname))
        elif entry.islnk():
            listing.add_link(path, normal_path(entry.linkname))
        elif not entry.isreg() or entry.issparse():
            raise listing.refusal(entry.name, "is neither a file, nor a folder, nor a link")
        else:
            listing.announce(entry.name, entry.size)
            crc = 0
            for block in self._bytes_of(entry, stream):
                crc = zlib.crc32(block, crc)
            listing.add_file(path, Contents(entry.size, crc))

    def _entries(self, advance: Advance) -> Iterator[tuple[tarfile.TarInfo, _Stream]]:
        with open(self._archive, "rb") as file, damage_named(self._archive):
            stream = _Stream(self._archive, file, self._max_bytes, advance)
            with tarfile.open(fileobj=stream, mode="r:", encoding="utf-8") as tar:
                while (entry := tar.next()) is not None:
                    tar.members.clear()  # Or they would all be kept, however many there are.
                    yield entry, stream
            # To tarfile, bytes that are no header end an archive just as its end mark does.
            if stream.last_read != bytes(tarfile.BLOCKSIZE):
                raise tarfile.ReadError("it ends without its end mark")
            while stream.read(BLOCK):  # The checksum comes last.
                pass

    def _bytes_of(self, entry: tarfile.TarInfo, stream: _Stream) -> Iterator[bytes]:
        with damage_named(self._archive):
            stream.seek(entry.offset_data)
            left = entry.size
            while left:
                block = stream.read(min(left, BLOCK))
                if not block:
                    raise EOFError(f"it ends within {entry.name!r}")
                left -= len(block)
                yield block


class _Stream:
    """What tarfile reads from: goes forwards only, in bounded steps, and ends at a bound."""

    def __init__(self, archive: pathlib.Path, file: BinaryIO, max_bytes: int, advance: Advance):
        self._archive, self._file, self._max_bytes, self._advance = archive, file, max_bytes, advance
        is_gzip = file.read(len(GZIP)) == GZIP
        file.seek(0)
        self._source = gzip.GzipFile(fileobj=file) if is_gzip else file
        self._position, self._shown = 0, 0
        self.last_read = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        if position < self._position:
            raise tarfile.ReadError("a header leads backwards")
        while self._position < position:
            if not self.read(min(position - self._position, BLOCK)):
                raise EOFError("it ends within an entry")

    def read(self, size: int) -> bytes:
        # tarfile reads a long header whole, and it is the header that says how long it is.
        if not 0 <= size <= BLOCK:
            raise tarfile.ReadError(f"a header has {size} bytes")
        self.last_read = self._source.read(size)
        self._position += len(self.last_read)
        if self._position > self._max_bytes:
            raise DataError(
                f"{self._archive} decompresses to more than the {in_words(self._max_bytes)} that are allowed. Nothing "
                "was extracted; fetch the archive again, from the data set's makers."
            )
        self._advance(self._file.tell() - self._shown)
        self._shown = self._file.tell()
        return self.last_read
