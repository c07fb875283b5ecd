"""The error of files of weights."""

from __future__ import annotations

import os

from ccp.errors import UserError


class WeightsError(UserError, ValueError):
    """Weights cannot be read, written or fitted to a network; the message says which, and what to do."""


def check_readable(path: str) -> None:
    """To be called before a library is handed the file.

    Raises:
      WeightsError: there is no file at ``path``.
    """
    if os.path.isdir(path):
        raise WeightsError(f"{path} is a directory; pass the file of weights itself.")
    if not os.path.exists(path):
        raise WeightsError(f"There is no file of weights at {path}; check the path.")


def check_writable(path: str) -> None:
    """To be called before the work, not after it.

    Raises:
      WeightsError: no file can be written at ``path``.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(path) or not os.path.isdir(folder) or not os.access(folder, os.W_OK):
        raise WeightsError(f"{path} cannot be written; pass a file in a directory that you may write to.")
