"""Files that are either whole or not there, and room for them."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import stat
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from datasets.manifest import DataError
from datasets.progress_bar import in_words

BLOCK = 1 << 20
# One name for a whole folder: it is never too long, and what a kill leaves behind is found without a search.
UNFINISHED = ".unfinished"


@contextlib.contextmanager
def placed(path: pathlib.Path) -> Iterator[BinaryIO]:
    """A file to write that appears at ``path`` once the context ends well; otherwise nothing remains of it."""
    temporary = path.with_name(UNFINISHED)
    temporary.unlink(missing_ok=True)
    try:
        # Created anew, so that nothing that lies there can lead the bytes elsewhere.
        with open(temporary, "xb") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def blocks_of(file: BinaryIO) -> Iterator[bytes]:
    """The rest of a file, block by block."""
    while block := file.read(BLOCK):
        yield block


def holds(path: pathlib.Path, size: int, crc: int) -> bool:
    """Whether a file of this size and CRC-32 is there, itself and not by way of a link."""
    try:
        status = path.lstat()
    except OSError:
        return False
    if not stat.S_ISREG(status.st_mode) or status.st_size != size:
        return False
    found = 0
    with open(path, "rb") as file:
        for block in blocks_of(file):
            found = zlib.crc32(block, found)
    return found == crc


def make_folder(root: pathlib.Path, folder: str) -> None:
    """Makes a folder below ``root`` and those that lead to it.

    Raises:
      DataError: something that is no folder is in the way; a link is none, since it may lead anywhere.
    """
    root.mkdir(parents=True, exist_ok=True)
    path = root
    for part in pathlib.PurePosixPath(folder).parts:
        path = path / part
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            continue
        if not stat.S_ISDIR(path.lstat().st_mode):
            raise DataError(f"{path} must be a folder to extract into, and is none; move it away.")


def require_space(folder: pathlib.Path, size: int) -> None:
    """Raises a DataError where less than ``size`` bytes are free."""
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < size:
        raise DataError(
            f"{in_words(size)} must be free in {folder}, and {in_words(free)} are. Make room, or pass another "
            "--data_dir."
        )
