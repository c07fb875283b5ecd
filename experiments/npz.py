"""Named arrays in a ``.npz`` file of this project's own."""

from __future__ import annotations

import os
import zipfile

import numpy as np

from ccp.errors import UserError
from datasets.files import written_whole


class NpzError(UserError):
    """A file is no ``.npz`` file, lacks an array, or is damaged."""


def save_npz(output: str | os.PathLike, **arrays: np.ndarray) -> None:
    """Writes arrays so that the file is either the old one or the whole new one.

    Args:
      output: the ``.npz`` file.
      **arrays: what it is to hold, by name.

    Raises:
      OutputError: it cannot be written.
    """
    # As np.savez_compressed does, which leaves its archive open where there is no room.
    with written_whole(output) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, values, allow_pickle=False)


def read_npz(path: str | os.PathLike, *names: str) -> list[np.ndarray]:
    """Reads arrays, compressed or not.

    Args:
      path: the ``.npz`` file.
      *names: of the arrays wanted.

    Raises:
      NpzError: it holds something else, or not what was written.
      OSError: it cannot be opened.
    """
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                return [_array(archive, name) for name in names]
        except Exception as error:  # The archive, its compression and NumPy's header each raise several of their own.
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise NpzError(f"{path} cannot be read as a .npz file with {', '.join(names)} ({why}).") from error


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    with archive.open(f"{name}.npy") as member:
        values = np.lib.format.read_array(member, allow_pickle=False)
        if member.read():  # Only at its end is its checksum looked at.
            raise ValueError(f"{name} is longer than it says")
        return values
