"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import csv
import fcntl
import io
import json
import os
import pathlib
import shutil
import tempfile
import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ccp.errors import UserError


class OutputError(UserError):
    """A file cannot be written."""


@contextlib.contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[pathlib.Path]:
    """A temporary file to write into; it replaces ``path`` when the block ends well, and is deleted otherwise.

    A symbolic link stays: the file that it leads to is replaced. A device or a pipe is written to.

    Args:
      path: the file.

    Yields:
      The temporary file.

    Raises:
      OutputError: the file cannot be written.
    """
    with contextlib.ExitStack() as stack:
        try:
            target = pathlib.Path(os.path.realpath(path))
            is_replaced = target.is_file() or not os.path.exists(path)
            folder = target.parent if is_replaced else stack.enter_context(tempfile.TemporaryDirectory())
            # A separate name, or two writers would write into one file; a hidden one, as it may be among images.
            temporary = pathlib.Path(folder, f".{target.name}.{uuid.uuid4().hex[:8]}.new")
            stack.callback(_delete, temporary)
            yield temporary
            with open(temporary, "rb") as written:
                if is_replaced:
                    os.fsync(written.fileno())  # On the disk before it replaces the earlier file.
                    os.replace(temporary, target)
                else:
                    with open(path, "wb") as output:
                        shutil.copyfileobj(written, output)
        except OSError as error:
            raise OutputError(
                f"{path} cannot be written ({error.strerror or error}). Make room on the disk, or pass another place."
            ) from error


def save_text(path: str | os.PathLike, text: str) -> None:
    """Writes a text file; see ``written_whole``. File names in it may hold bytes that are no text."""
    with written_whole(path) as file:
        file.write_text(text, encoding="utf-8", errors="surrogateescape")


def save_csv(path: str | os.PathLike, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Writes a table as CSV; see ``save_text``."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    save_text(path, file.getvalue())


def save_json(path: str | os.PathLike, value: Any) -> None:
    """Writes JSON; see ``written_whole``."""
    save_text(path, json.dumps(value, indent=2) + "\n")


def check_directory(path: str | os.PathLike, flag: str) -> None:
    """Checks before the work that files can be written to a directory, which need not exist yet.

    Args:
      path: the directory.
      flag: the one that names it.

    Raises:
      OutputError: they cannot.
    """
    target = pathlib.Path(os.path.abspath(path))
    existing = next(place for place in (target, *target.parents) if os.path.lexists(place))
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        raise OutputError(f"{path} cannot be written; pass {flag}, a directory that you may write to.")


def check_file(path: str | os.PathLike, flag: str) -> None:
    """As ``check_directory``, for a file in a directory that exists."""
    is_device = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
    place = path if is_device else os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not (is_device or os.path.isdir(place)) or not os.access(place, os.W_OK):
        raise OutputError(f"{path} cannot be written; pass {flag}, a file in a directory that you may write to.")


def read_json(path: str | os.PathLike) -> Any:
    """Reads JSON.

    Raises:
      OutputError: the file is damaged.
    """
    try:
        return json.loads(pathlib.Path(path).read_text())
    except ValueError as error:
        raise OutputError(f"{path} is damaged ({error}); delete it if it can be made again.") from error


def cache_directory() -> pathlib.Path:
    """``$CCP_CACHE``, or else ``ccp`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    given = os.environ.get("CCP_CACHE")
    if given:
        return pathlib.Path(given).expanduser()
    # As the XDG specification has it, a relative one does not count.
    shared = os.environ.get("XDG_CACHE_HOME", "")
    return (pathlib.Path(shared) if os.path.isabs(shared) else pathlib.Path.home() / ".cache") / "ccp"


@contextlib.contextmanager
def locked(path: str | os.PathLike) -> Iterator[None]:
    """Holds the operating system's lock on a file, which is made; the lock ends with the process, however that ends.

    Raises:
      BlockingIOError: another process holds it.
    """
    with open(path, "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


def _delete(path: pathlib.Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
