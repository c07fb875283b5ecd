"""Text files of data sets: found, and read strictly."""

from __future__ import annotations

import os
import re

from datasets.manifest import DataError

_CONTROL_CHARACTER = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
# Half a character of UTF-16, but for those by which Python writes the bytes of other encodings.
_NO_FILE_NAME = re.compile("[\x00-\x1f\x7f\ud800-\udc7f\udd00-\udfff]")


def find(dataset: str, data_dir: str, *candidates: str) -> str:
    """Path of the first of some files that exists.

    Args:
      dataset: as ``--dataset`` has it, for the message.
      data_dir: directory that candidates are relative to.
      candidates: where the file may be, the usual place first.

    Raises:
      DataError: none of them exists.
    """
    for candidate in candidates:
        path = os.path.join(data_dir, candidate)
        if os.path.isfile(path):
            return path
    places = " or ".join(dict.fromkeys(os.path.dirname(os.path.join(data_dir, c)) or os.curdir for c in candidates))
    raise DataError(
        f"The data set {dataset} needs the file {os.path.basename(candidates[0])}, and there is none in {places}. "
        f"'main.py prepare --dataset={dataset}' puts it there; or pass --data_dir, its directory."
    )


def read_text(path: str) -> str:
    """A text file in UTF-8, with or without a byte order mark; lines end in a line feed alone.

    Raises:
      DataError: it cannot be read, or holds what no text file does.
    """
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}:{line}: not UTF-8 text ({error.reason}); save the file as UTF-8.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}.") from error
    text = text.replace("\r\n", "\n")
    if "\n" not in text:
        text = text.replace("\r", "\n")  # As some spreadsheets end all lines.
    stray = _CONTROL_CHARACTER.search(text)
    if stray:
        line = text.count("\n", 0, stray.start()) + 1
        raise DataError(f"{path}:{line}: the character {stray.group()!r} is in no text file; fetch it again.")
    return text


def is_inside(path: str) -> bool:
    """Whether a relative path stays below the directory that it starts from, and a file can be called so."""
    leads_out = path.startswith("/") or (".." in path and ".." in path.split("/"))
    return bool(path) and not leads_out and not _NO_FILE_NAME.search(path)
