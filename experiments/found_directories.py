"""The directories that a command line names. Free of TensorFlow."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence

from ccp.errors import UserError


def find_directories(patterns: Sequence[str]) -> list[str]:
    """Directories, each once, in the order given; those that match a pattern are sorted.

    Args:
      patterns: directories, or patterns of them.

    Raises:
      UserError: there is none of a name or a pattern.
    """
    found = []
    for pattern in patterns:
        # A directory's name may hold what a pattern would treat as special.
        matches = [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern))
        if not matches:
            raise UserError(f"There is no run {pattern!r}; pass directories that main.py train has written.")
        found += matches
    by_place: dict[str, str] = {}  # A directory is listed once, however its path is spelled.
    for path in found:
        by_place.setdefault(os.path.realpath(path), os.path.normpath(path))
    return list(by_place.values())
