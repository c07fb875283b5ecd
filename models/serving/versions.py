"""Numbered versions in an export directory, as TensorFlow Serving looks for them."""

from __future__ import annotations

import errno
import os
import pathlib
import re
from collections.abc import Callable

import tensorflow as tf

from ccp.errors import UserError
from datasets.images.refusal import reason
from models.serving.unfinished import is_unfinished, unfinished_version

_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)


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
    newest = newest_version(place)
    if newest is None:
        raise ExportError(f"{place} holds no SavedModel; make one with: main.py export --run_dir=… --export_dir=…")
    return newest


def newest_version(directory: str | os.PathLike) -> pathlib.Path | None:
    """The newest version's directory, of those that hold a SavedModel; None if there is none."""
    numbered = _numbered(pathlib.Path(directory))
    found = [number for number, path in numbered.items() if tf.saved_model.contains_saved_model(str(path))]
    return numbered[max(found)] if found else None


def check_place(directory: str | os.PathLike, version: int | None = None) -> int:
    """The number that a new version gets if no other is written meanwhile; to be called before the work too.

    Args:
      directory: the export directory.
      version: the number wished; None for the one after the newest, or 1.

    Raises:
      ExportError: there is such a version, the directory holds something else than versions, or is not to be written.
    """
    target = pathlib.Path(os.path.abspath(directory))
    taken = _taken(target)
    if version is not None and version < 1:
        raise ExportError(f"Versions are numbered from 1; got {version}. Pass another --version, or leave it out.")
    if _is_strange(target) and not _numbered(target):
        raise ExportError(
            f"{target} exists already and holds no exported versions; pass another --export_dir, or delete it first."
        )
    if version in taken:
        raise ExportError(
            f"{taken[version]} exists already; pass another --version, or leave it out for {max(taken) + 1}."
        )
    there = next(place for place in (target, *target.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise ExportError(f"{target} cannot be written; pass --export_dir, a directory that you may write to.")
    return max(taken, default=0) + 1 if version is None else version


def write_version(
    directory: str | os.PathLike,
    version: int | None,
    write: Callable[[pathlib.Path], None],
    check: Callable[[int], None] | None = None,
) -> pathlib.Path:
    """Writes a version, which gets its number, by which Serving finds it, when it is whole.

    Of several written at once without a number, each takes the next free one as it is finished.

    Args:
      directory: the export directory; made if need be.
      version: see ``check_place``.
      write: writes into the directory that it is given.
      check: called with the number just before the version gets it, when others may have been written meanwhile; if it
        raises, there is no such version.

    Returns:
      The version's directory.

    Raises:
      ExportError: see ``check_place``; another process has taken the number; or it cannot be written, and nothing is
        left of it.
    """
    target = pathlib.Path(os.path.abspath(directory))
    try:
        with unfinished_version(target, check_place(target, version)) as place:
            write(place)
            return pathlib.Path(directory) / _given_its_number(place, target, version, check)
    except (OSError, tf.errors.OpError) as error:
        why = reason(error) if isinstance(error, tf.errors.OpError) else str(error)
        raise ExportError(
            f"No version could be written into {target}, and nothing is left of it: {why}. Free some space if that is "
            "what is short, or pass another directory."
        ) from error


def _given_its_number(
    place: pathlib.Path, target: pathlib.Path, version: int | None, check: Callable[[int], None] | None
) -> str:
    while True:
        # Before the check: if another version comes after that, the number is taken, and both are done again.
        number = max(_taken(target), default=0) + 1 if version is None else version
        final = target / str(number)
        if check is not None:
            check(number)
        try:
            place.rename(final)
            return final.name
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            if version is not None:
                raise ExportError(
                    f"{final} has been written meanwhile; pass another --version, or leave it out."
                ) from error


def _numbered(directory: pathlib.Path) -> dict[int, pathlib.Path]:
    return {number: path for number, path in _taken(directory).items() if path.is_dir()}


def _taken(directory: pathlib.Path) -> dict[int, pathlib.Path]:
    """What has a number for its name, a version or not."""
    return {int(path.name): path for path in _listed(directory) if re.fullmatch("[0-9]+", path.name)}


def _is_strange(target: pathlib.Path) -> bool:
    """Whether there is a file, or a directory with something in it that exports do not write."""
    if target.exists() and not target.is_dir():
        return True
    # What another export had in hand may be gone by the time that it is looked at.
    return any(not _is_ours(path) and os.path.lexists(path) for path in _listed(target))


def _is_ours(path: pathlib.Path) -> bool:
    return (re.fullmatch("[0-9]+", path.name) is not None and path.is_dir()) or is_unfinished(path)


def _listed(directory: pathlib.Path) -> list[pathlib.Path]:
    """What is in a directory; nothing if there is none, or none any longer."""
    try:
        return list(directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
