"""Numbered versions in an export directory, as TensorFlow Serving looks for them."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import shutil
from collections.abc import Iterator

import tensorflow as tf

from ccp.errors import UserError

# Serving takes a name for a version if all of it is a number.
_UNFINISHED = ".unfinished"


class ExportError(UserError):
    """The model cannot be written, or a directory is not one that was written here."""


def versions(directory: str | os.PathLike) -> list[int]:
    """The numbers of the versions in an export directory, ascending; none if there is no directory."""
    return sorted(_numbered(pathlib.Path(directory)))


def version_directory(directory: str | os.PathLike) -> pathlib.Path:
    """Where the SavedModel lies: the newest version of an export directory, or the directory itself.

    Raises:
      ExportError: neither holds one.
    """
    place = pathlib.Path(directory)
    if tf.saved_model.contains_saved_model(str(place)):
        return place
    found = {
        number: path for number, path in _numbered(place).items() if tf.saved_model.contains_saved_model(str(path))
    }
    if not found:
        raise ExportError(f"{place} holds no SavedModel; make one with: main.py export --run_dir=… --export_dir=…")
    return found[max(found)]


def check_place(directory: str | os.PathLike, version: int | None = None) -> int:
    """The number that a new version gets; to be called before the work too.

    Args:
      directory: the export directory.
      version: the number wished; None for the one after the newest, or 1.

    Raises:
      ExportError: there is such a version, or the directory holds something else than versions.
    """
    target = pathlib.Path(os.path.abspath(directory))
    there = _numbered(target)
    if version is not None and version < 1:
        raise ExportError(f"Versions are numbered from 1; got {version}. Pass another --version, or leave it out.")
    if version in there:
        raise ExportError(
            f"{there[version]} exists already; pass another --version, or leave it out for {max(there) + 1}."
        )
    others = target.exists() and (not target.is_dir() or any(not _is_ours(path) for path in target.iterdir()))
    if others and not there:
        raise ExportError(
            f"{target} exists already and holds no exported versions; pass another --export_dir, or delete it first."
        )
    return max(there, default=0) + 1 if version is None else version


@contextlib.contextmanager
def new_version(directory: str | os.PathLike, version: int | None = None) -> Iterator[pathlib.Path]:
    """A directory to write a version into; it gets its number, by which Serving finds it, when it is whole.

    Args:
      directory: the export directory; made if need be.
      version: see ``check_place``.

    Yields:
      Where to write. What a killed export left under that name is gone.

    Raises:
      ExportError: see ``check_place``; or another process was first.
    """
    number = check_place(directory, version)
    final = pathlib.Path(os.path.abspath(directory)) / str(number)
    unfinished = final.with_name(final.name + _UNFINISHED)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        try:
            unfinished.rename(final)
        except OSError as error:
            raise ExportError(f"{final} has been written meanwhile; run the command again.") from error
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _numbered(directory: pathlib.Path) -> dict[int, pathlib.Path]:
    if not directory.is_dir():
        return {}
    return {int(path.name): path for path in directory.iterdir() if re.fullmatch("[0-9]+", path.name) and path.is_dir()}


def _is_ours(path: pathlib.Path) -> bool:
    return re.fullmatch(rf"[0-9]+({re.escape(_UNFINISHED)})?", path.name) is not None and path.is_dir()
