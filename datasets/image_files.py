"""Image files in a directory tree, recognized by their extensions. Hidden files and folders are skipped."""

from __future__ import annotations

import glob
import logging
import os
import pathlib
from typing import NamedTuple

from ccp.wording import counted
from datasets.manifest import DataError

_IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")

_log = logging.getLogger("ccp")


class FoundFiles(NamedTuple):
    """The files of a folder.

    Attributes:
      images: paths of image files, sorted.
      others: paths of other files, sorted.
    """

    images: list[str]
    others: list[str]


def find_images(place: str) -> list[str]:
    """Paths of image files, sorted.

    Args:
      place: a directory, searched in depth as for training; one file; or a pattern, as ``d/*.png``.

    Raises:
      DataError: there are none, or a folder cannot be read.
    """
    if os.path.isdir(place):
        try:
            found = files_below(place, "")
        except OSError as error:
            raise DataError(f"{error.filename} cannot be read ({error.strerror}); pass another directory.") from error
        if found.others:
            example = os.path.join(place, found.others[0])
            _log.warning("left out %s without an image extension, as %s", counted(len(found.others), "file"), example)
        images = [os.path.join(place, path) for path in found.images]
    elif os.path.isfile(place):  # Its name may hold characters that mean something in a pattern.
        images = [place]
    else:
        images = [path for path in glob.glob(place, recursive=True) if os.path.isfile(path)]
    if not images and not os.path.isdir(place) and not glob.has_magic(place):
        raise DataError(f"There is no file or directory {place!r}.")
    if not images:
        raise DataError(f"There are no images in {place!r}; pass a directory, or a quoted pattern like 'd/*.png'.")
    return sorted(images)


def folders_in(directory: str) -> list[str]:
    """Names of the folders right in a directory, sorted; raises OSError if it cannot be read."""
    return sorted(_listing(directory, "")[1])


def files_below(root: str, folder: str, deep: bool = True) -> FoundFiles:
    """Files in a folder. Links are followed, but not to a folder above, nor to one folder twice.

    Args:
      root: directory that paths are relative to.
      folder: where to look, relative to it; empty for the directory itself.
      deep: look in all folders below it, too.

    Raises:
      OSError: a folder cannot be read.
    """
    images, others, pending = [], [], [folder]
    start = pathlib.Path(root, folder).absolute()
    entered = {os.path.realpath(above) for above in (*start.parents, *pathlib.Path(os.path.realpath(start)).parents)}
    while pending:
        place = pending.pop()
        real_path = os.path.realpath(os.path.join(root, place))
        if real_path in entered:
            continue
        entered.add(real_path)
        files, folders = _listing(root, place)
        pending += folders if deep else []
        for path in files:
            (images if path.lower().endswith(_IMAGES) else others).append(path)
    return FoundFiles(sorted(images), sorted(others))


def _listing(root: str, folder: str) -> tuple[list[str], list[str]]:
    """Paths of files and folders right in a folder."""
    files, folders = [], []
    with os.scandir(os.path.join(root, folder)) as entries:
        for entry in entries:
            if not _is_skipped(entry.name):
                path = f"{folder}/{entry.name}" if folder else entry.name
                (folders if os.path.isdir(entry.path) else files).append(path)
    return files, folders


def _is_skipped(name: str) -> bool:
    return name.startswith(".") or name.lower() in _LEFT_BY_SYSTEMS
