"""Image files in a directory tree, by their extensions."""

from __future__ import annotations

import os
import pathlib
from typing import NamedTuple

_IMAGES = (".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff")
LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")


class Found(NamedTuple):
    """What a search came upon.

    Attributes:
      images: paths of image files, sorted.
      others: paths of what is none, sorted.
    """

    images: list[str]
    others: list[str]


def folders_in(directory: str) -> list[str]:
    """Names of the folders right in a directory, but for hidden ones; raises OSError if it cannot be read."""
    with os.scandir(directory) as entries:
        return sorted(entry.name for entry in entries if not _is_passed_over(entry.name) and os.path.isdir(entry.path))


def images_below(root: str, folder: str, deep: bool = True) -> Found:
    """Image files in a folder; links are followed, but none to where the search has been or came from.

    Args:
      root: directory that paths are relative to.
      folder: where to look, relative to it; empty for the directory itself.
      deep: look in all folders below it, too.

    Raises:
      OSError: a folder cannot be read.
    """
    images, others, pending = [], [], [folder]
    entered = {_identity(above) for above in pathlib.Path(root, folder).resolve().parents}
    entered |= {_identity(above) for above in pathlib.Path(root, folder).absolute().parents}
    while pending:
        place = pending.pop()
        identity = _identity(os.path.join(root, place))
        if identity in entered:
            continue
        entered.add(identity)
        files, folders = _listing(root, place)
        pending += folders if deep else []
        for path in files:
            (images if path.lower().endswith(_IMAGES) else others).append(path)
    return Found(sorted(images), sorted(others))


def _identity(folder: str | os.PathLike[str]) -> tuple[int, int]:
    """What a folder has in common with every link to it, and with nothing else."""
    status = os.stat(folder)
    return status.st_dev, status.st_ino


def _listing(root: str, folder: str) -> tuple[list[str], list[str]]:
    """Paths of files and folders right in a folder, but for hidden ones and what operating systems leave."""
    files, folders = [], []
    with os.scandir(os.path.join(root, folder)) as entries:
        for entry in entries:
            if not _is_passed_over(entry.name):
                path = f"{folder}/{entry.name}" if folder else entry.name
                (folders if os.path.isdir(entry.path) else files).append(path)
    return files, folders


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name.lower() in LEFT_BY_SYSTEMS
