"""Files that are written: whole or not at all, and with a message where there is no room."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pathlib
import uuid
from collections.abc import Iterator
from typing import Any

from ccp.errors import UserError


class OutputError(UserError):
    """A file cannot be written."""


@contextlib.contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A file beside ``path`` to write into, which takes its place when all is well, and is gone otherwise.

    Args:
      path: the file.

    Yields:
      Where to write.

    Raises:
      OutputError: it cannot be written.
    """
    folder, name = os.path.split(os.fspath(path))
    # A name of this writer's own, or two would write into one file; and a hidden one, as it may lie among images.
    temporary = pathlib.Path(folder, f".{name}.{uuid.uuid4().hex[:8]}.new")
    try:
        yield temporary
        with open(temporary, "rb") as written:  # On the disk before it takes the place of what is.
            os.fsync(written.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"{path} cannot be written ({error.strerror or error}); free some space if that is what is short, or pass "
            "another place."
        ) from error
    finally:
        with contextlib.suppress(OSError):  # It may never have been.
            temporary.unlink()


def save_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file; see ``written_whole``. File names in it may hold bytes that are no text."""
    with written_whole(path) as file:
        file.write_text(text, encoding="utf-8", errors="surrogateescape")


def save_json(path: str | os.PathLike, value: Any) -> None:
    """Writes JSON; see ``written_whole``."""
    save_text(path, json.dumps(value, indent=2) + "\n")


def check_directory(path: str | os.PathLike, flag: str) -> None:
    """To be called before the work, not after it.

    Args:
      path: the directory, which need not be there yet.
      flag: the one that names it.

    Raises:
      OutputError: files could not be written there.
    """
    target = pathlib.Path(os.path.abspath(path))
    there = next(place for place in (target, *target.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written; pass {flag}, a directory that you may write to.")


def read_json(path: str | os.PathLike) -> Any:
    """Reads JSON.

    Raises:
      OutputError: the file is damaged.
    """
    try:
        return json.loads(pathlib.Path(path).read_text())
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}); delete it if it can be made again.") from error


@contextlib.contextmanager
def locked(path: str | os.PathLike) -> Iterator[None]:
    """Holds the operating system's lock on a file, which is made; it goes with the process, however that ends.

    Raises:
      BlockingIOError: another process holds it.
    """
    with open(path, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
