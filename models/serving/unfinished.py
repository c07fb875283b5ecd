"""Where exports write before they have a number; what a killed one leaves is removed by the next."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import re
import shutil
import tempfile
from collections.abc import Iterator
from typing import TextIO

# Serving takes a name for a version if all of it is a number.
_UNFINISHED = ".unfinished"
_LOCK, _MODEL = "lock", "model"
_TRIES = 10


@contextlib.contextmanager
def unfinished_version(directory: pathlib.Path, number: int) -> Iterator[pathlib.Path]:
    """A place of this export's own to write into, whatever others do in the same directory.

    It lies in a folder with a lock of the operating system's, which goes with the process, however that ends. A folder
    whose lock is free is thus a killed export's, and is removed.

    Args:
      directory: the export directory; made if need be.
      number: which the version is likely to get, for whoever looks.

    Yields:
      Where to write. It is gone afterwards, unless it has another name by then; and so is the directory, if it was made
      here and is empty.
    """
    was_there = directory.exists()
    folder, lock = _locked_folder_in(directory, number)
    try:
        place = folder / _MODEL
        place.mkdir()
        yield place
    finally:
        lock.close()
        shutil.rmtree(folder, ignore_errors=True)
        if not was_there:
            with contextlib.suppress(OSError):
                directory.rmdir()


def is_unfinished(path: pathlib.Path) -> bool:
    """Whether a name in an export directory is one of these."""
    return re.fullmatch(rf"[0-9]+{re.escape(_UNFINISHED)}(-\w{{8}})?", path.name) is not None and path.is_dir()


def _remove_left_over(directory: pathlib.Path) -> None:
    for folder in filter(is_unfinished, list(directory.iterdir())):
        with contextlib.suppress(OSError):  # Another user's, perhaps: it is in nobody's way.
            lock = _locked(folder)
            if lock is not None:
                with lock:
                    shutil.rmtree(folder, ignore_errors=True)


def _locked_folder_in(directory: pathlib.Path, number: int) -> tuple[pathlib.Path, TextIO]:
    """See ``_locked_folder``; the directory is made if need be, and nothing of killed exports is left in it."""
    tries = 0
    while True:
        try:
            directory.mkdir(parents=True, exist_ok=True)
            _remove_left_over(directory)
            return _locked_folder(directory, number)
        # Another export that came to nothing may remove the empty directory at any moment; mkdir itself says that it
        # exists if it goes while mkdir looks.
        except (FileNotFoundError, FileExistsError):
            tries += 1
            if tries == _TRIES:
                raise


def _locked_folder(directory: pathlib.Path, number: int) -> tuple[pathlib.Path, TextIO]:
    while True:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"{number}{_UNFINISHED}-", dir=directory))
        try:
            lock = _locked(folder)
        except OSError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if lock is not None:
            return folder, lock


def _locked(folder: pathlib.Path) -> TextIO | None:
    """The folder's lock, held by this process; None if another holds it, or has removed the folder."""
    path = folder / _LOCK
    with contextlib.ExitStack() as held, contextlib.suppress(BlockingIOError, FileNotFoundError):
        lock = held.enter_context(open(path, "a"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between opening and locking it may have been removed, and then the lock is of nothing.
        if os.path.samestat(os.fstat(lock.fileno()), os.stat(path)):
            held.pop_all()
            return lock
    return None
