"""Numbered versions in an export directory, as TensorFlow Serving expects them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import shutil
import uuid
from collections.abc import Iterator

import tensorflow as tf

from ccp.errors import UserError, first_line
from ccp.plain_paths import PATTERN_CHARACTERS, is_pattern
from datasets.files import check_directory

_UNFINISHED = ".new-"


class ExportError(UserError):
    """The model cannot be written, or a directory holds no exported model."""


def versions(directory: str | os.PathLike) -> list[int]:
    """The numbers of the versions in an export directory, ascending; none if there is no such directory."""
    target = pathlib.Path(directory)
    entries = target.iterdir() if target.is_dir() else ()
    return sorted(int(path.name) for path in entries if path.name.isdecimal() and path.is_dir())


def version_directory(directory: str | os.PathLike) -> pathlib.Path:
    """The directory of the SavedModel: the newest version of an export directory, or the directory itself.

    Raises:
      ExportError: there is none.
    """
    if tf.saved_model.contains_saved_model(str(directory)):
        return pathlib.Path(directory)
    paths = [pathlib.Path(directory, str(number)) for number in versions(directory)]
    found = [path for path in paths if tf.saved_model.contains_saved_model(str(path))]
    if not found:
        raise ExportError(f"{directory} holds no SavedModel; make one with: main.py export --run_dir=… --export_dir=…")
    return found[-1]


def check_export_directory(directory: str | os.PathLike, version: int | None = None) -> None:
    """Finds out before the work whether a version can be written.

    Args:
      directory: the export directory, which need not exist yet.
      version: the number of the new version; None for the one after the newest, or 1.

    Raises:
      ExportError: the version exists, or TensorFlow could not load it from there.
      OutputError: the directory cannot be written.
    """
    target, existing = pathlib.Path(directory), versions(directory)
    if version is not None and version < 1:
        raise ExportError(f"Versions are numbered from 1; got {version}. Pass another --version, or leave it out.")
    if version in existing:
        raise ExportError(
            f"{target / str(version)} exists already; pass another --version, or leave it out for {existing[-1] + 1}."
        )
    if is_pattern(target):
        raise ExportError(
            f"TensorFlow takes {target} as a pattern of files and could not load a model from there. Pass another "
            f"--export_dir, without any of {' '.join(PATTERN_CHARACTERS)} in its name."
        )
    check_directory(target, "--export_dir")


@contextlib.contextmanager
def new_version(directory: str | os.PathLike, version: int | None) -> Iterator[tuple[pathlib.Path, pathlib.Path]]:
    """Gives a version its name only when it is complete.

    A server that watches the directory thus never sees half a version, and a failure leaves nothing behind.

    Args:
      directory: the export directory; created if need be.
      version: see ``check_export_directory``.

    Yields:
      An empty directory to write into, and the directory that it becomes when the context ends without an error.

    Raises:
      ExportError: see ``check_export_directory``; or writing failed.
    """
    check_export_directory(directory, version)
    target = pathlib.Path(directory)
    # Hidden, and no number: TensorFlow Serving ignores it.
    temporary = target / f"{_UNFINISHED}{uuid.uuid4().hex[:8]}"
    final = target / str(version or max(versions(target), default=0) + 1)
    try:
        temporary.mkdir(parents=True)
        with _held(temporary):
            _remove_abandoned(target)
            yield temporary, final
            os.rename(temporary, final)
    except (OSError, tf.errors.OpError) as error:
        raise ExportError(
            f"No version could be written into {target} ({first_line(error)}), and nothing is left of it. Free some "
            "space if the disk is full, or pass another --export_dir."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _held(directory: pathlib.Path) -> Iterator[None]:
    """Holds the operating system's lock on a directory, which ends with the process; BlockingIOError if it is held."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned(directory: pathlib.Path) -> None:
    """Removes what exports that were killed have left, but not what another one is writing."""
    for path in directory.glob(f"{_UNFINISHED}{'[0-9a-f]' * 8}"):
        with contextlib.suppress(OSError), _held(path):
            shutil.rmtree(path)
