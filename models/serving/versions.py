"""Numbered versions in an export directory, as TensorFlow Serving expects them."""

from __future__ import annotations

import os
import pathlib
import shutil
import uuid
from collections.abc import Callable

import tensorflow as tf

from ccp.errors import UserError, first_line
from datasets.files import check_directory

# Hidden, and no number: TensorFlow Serving passes it over.
_TEMPORARY = ".new-"


class ExportError(UserError):
    """The model cannot be written, or a directory holds no exported model."""


def versions(directory: str | os.PathLike) -> list[int]:
    """The numbers of the versions in an export directory, ascending; none if there is no such directory."""
    target = pathlib.Path(directory)
    entries = target.iterdir() if target.is_dir() else ()
    return sorted(int(path.name) for path in entries if path.name.isdecimal() and path.is_dir())


def newest_version(directory: str | os.PathLike) -> pathlib.Path | None:
    """The newest version's directory, of those that hold a SavedModel; None if there is none."""
    paths = [pathlib.Path(directory, str(number)) for number in versions(directory)]
    found = [path for path in paths if tf.saved_model.contains_saved_model(str(path))]
    return found[-1] if found else None


def version_directory(directory: str | os.PathLike) -> pathlib.Path:
    """The directory of the SavedModel: the newest version of an export directory, or the directory itself.

    Raises:
      ExportError: there is none.
    """
    if tf.saved_model.contains_saved_model(str(directory)):
        return pathlib.Path(directory)
    newest = newest_version(directory)
    if newest is None:
        raise ExportError(f"{directory} holds no SavedModel; make one with: main.py export --run_dir=… --export_dir=…")
    return newest


def check_export_directory(directory: str | os.PathLike, version: int | None = None) -> None:
    """Finds out before the work whether a version can be written.

    Args:
      directory: the export directory, which need not exist yet.
      version: the number of the new version; None for the one after the newest, or 1.

    Raises:
      ExportError: the version exists, or the directory holds something else than versions.
      OutputError: the directory cannot be written.
    """
    target, existing = pathlib.Path(directory), versions(directory)
    if version is not None and version < 1:
        raise ExportError(f"Versions are numbered from 1; got {version}. Pass another --version, or leave it out.")
    if version in existing:
        raise ExportError(
            f"{target / str(version)} exists already; pass another --version, or leave it out for {existing[-1] + 1}."
        )
    check_directory(target, "--export_dir")
    others = [path.name for path in target.iterdir() if not path.name.startswith(_TEMPORARY)] if target.exists() else []
    if others and not existing:
        raise ExportError(f"{target} holds something else than exported versions; pass another --export_dir.")


def write_version(
    directory: str | os.PathLike, version: int | None, write: Callable[[pathlib.Path], None]
) -> pathlib.Path:
    """Writes a version under a temporary name and renames it when it is complete.

    A server that watches the directory thus never sees half a version, and a failure leaves nothing behind.

    Args:
      directory: the export directory; created if need be.
      version: see ``check_export_directory``.
      write: writes into the directory that it is given, which exists.

    Returns:
      The version's directory.

    Raises:
      ExportError: see ``check_export_directory``; or writing failed.
    """
    check_export_directory(directory, version)
    target = pathlib.Path(directory)
    created = not target.exists()
    temporary = target / f"{_TEMPORARY}{uuid.uuid4().hex[:8]}"
    try:
        temporary.mkdir(parents=True)
        write(temporary)
        final = target / str(version or max(versions(target), default=0) + 1)
        os.rename(temporary, final)
    except (OSError, tf.errors.OpError) as error:
        raise ExportError(
            f"No version could be written into {target} ({first_line(error)}), and nothing is left of it. Free some "
            "space if the disk is full, or pass another --export_dir."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if created and target.is_dir() and not any(target.iterdir()):
            target.rmdir()
    return final
