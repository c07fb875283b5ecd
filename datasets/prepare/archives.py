"""Checksums and extraction of archives that need not be trusted."""

from __future__ import annotations

import hashlib
import os
import pathlib
import zlib
from collections.abc import Iterator

from datasets.manifest import DataError
from datasets.prepare.files import UNFINISHED, blocks_of, holds, make_folder, placed, require_space
from datasets.prepare.listing import Contents, Listing
from datasets.prepare.tars import GZIP, TarReader
from datasets.prepare.zips import ZipReader
from datasets.progress_bar import Advance, Progress, shown

_ZIP = b"PK"
_TAR, _TAR_AT = b"ustar", 257
_CLUSTER = 4096


def verify(path: str | os.PathLike, md5: str | None, progress: Progress = shown) -> str:
    """The MD5 sum of a file.

    Args:
      path: the file.
      md5: the sum it should have, where that is known.
      progress: shows how far it is.

    Raises:
      DataError: the file has another sum.
    """
    path = pathlib.Path(path)
    digest = hashlib.md5()
    with open(path, "rb") as file, progress(f"checksum of {path.name}", path.stat().st_size) as advance:
        for block in blocks_of(file):
            digest.update(block)
            advance(len(block))
    if md5 is not None and digest.hexdigest() != md5:
        raise DataError(
            f"{path} should have the MD5 sum {md5}; it has {digest.hexdigest()}. Fetch it again, or pass "
            "--any_checksum if you know it to be another packaging of the same data."
        )
    return digest.hexdigest()


def extract(
    archive: str | os.PathLike, target: str | os.PathLike, max_bytes: int, progress: Progress = shown
) -> tuple[str, ...]:
    """Extracts a tar, compressed tar or zip archive; what it is, its contents say.

    Nothing is written before the whole listing has been found sound, nothing outside the target and no link
    at any time: a link to a file of the archive becomes a copy of it. Each file appears under its name once
    it is whole. A file that is there already with its size and CRC-32 stays, so that a call after a kill goes
    on from there. Modes and times are not taken over.

    Args:
      archive: the file.
      target: the folder to extract to; made if need be.
      max_bytes: that the extracted files may have together.
      progress: shows how far it is.

    Returns:
      The paths of the files, relative to the target.

    Raises:
      DataError: the archive is damaged, encrypted or not fit to be extracted, or there is no room for it.
    """
    archive, target = pathlib.Path(archive), pathlib.Path(target)
    reader = _reader(archive, max_bytes, progress)
    listing = reader.listing()
    total = sum(contents.size for contents in listing.files.values())
    with progress(f"extracting {archive.name}", total) as advance:
        missing = set()
        for path, contents in listing.files.items():
            if holds(target / path, *contents):
                advance(contents.size)
            else:
                missing.add(path)
        _make_room(target, listing, missing)
        for path, blocks in reader.contents(missing):
            _write(archive, target / path, listing.files[path], blocks, advance)
    for link, path in listing.copies.items():
        if not holds(target / link, *listing.files[path]):
            with open(target / path, "rb") as file:
                _write(archive, target / link, listing.files[path], blocks_of(file), lambda size: None)
    return (*listing.files, *listing.copies)


def _reader(archive: pathlib.Path, max_bytes: int, progress: Progress) -> TarReader | ZipReader:
    try:
        with open(archive, "rb") as file:
            beginning = file.read(512)
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(f"There is no archive {archive}; fetch it.") from None
    if beginning.startswith(_ZIP):
        return ZipReader(archive, max_bytes)
    if beginning.startswith(GZIP) or beginning[_TAR_AT:].startswith(_TAR):
        return TarReader(archive, max_bytes, progress)
    if beginning.lstrip()[:1] == b"<":
        found = "it is a web page, as a login or an error brings"
    else:
        found = f"it begins with {beginning[:16]!r}" if beginning else "it is empty"
    raise DataError(f"{archive} should be a .tgz, .tar or .zip archive; {found}. Fetch it again.")


def _make_room(target: pathlib.Path, listing: Listing, missing: set[str]) -> None:
    """Makes the folders, and removes what a kill left behind and what has another size or contents."""
    sizes = [listing.files[path].size for path in missing]
    sizes += [listing.files[path].size for link, path in listing.copies.items() if not (target / link).exists()]
    require_space(target, sum(-(-size // _CLUSTER) * _CLUSTER for size in sizes))
    for folder in sorted(listing.folders):
        make_folder(target, folder)
        (target / folder / UNFINISHED).unlink(missing_ok=True)
    for path in (*missing, *listing.copies):
        if (target / path).is_dir():
            raise DataError(f"{target / path} is a folder where {path} is to be extracted; move it away.")


def _write(
    archive: pathlib.Path, path: pathlib.Path, contents: Contents, blocks: Iterator[bytes], advance: Advance
) -> None:
    size, crc = 0, 0
    with placed(path) as file:
        for block in blocks:
            size, crc = size + len(block), zlib.crc32(block, crc)
            if size > contents.size:
                break
            file.write(block)
            advance(len(block))
        if (size, crc) != contents:
            raise DataError(
                f"{archive} does not hold what it says ({path.name} has other contents); fetch it again, and leave it "
                "alone while it is extracted."
            )
