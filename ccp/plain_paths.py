"""Names of directories that TensorFlow's file functions do not take as patterns."""

from __future__ import annotations

import functools
import itertools
import os
import tempfile

from ccp.errors import UserError

# A backslash escapes in a pattern, but on Windows it separates folders.
PATTERN_CHARACTERS = "*?[" if os.sep == "\\" else "*?[\\"
_numbers = itertools.count()


def is_pattern(path: str | os.PathLike) -> bool:
    """Whether TensorFlow may read, and delete, other files than those at ``path``."""
    return any(character in os.fspath(path) for character in PATTERN_CHARACTERS)


def plain_path(directory: str | os.PathLike) -> str:
    """The name of a directory, or where that is a pattern a symbolic link to it, for as long as this process runs.

    Args:
      directory: need not exist yet.

    Raises:
      UserError: no link can be made.
    """
    path = os.fspath(directory)
    if not is_pattern(path):
        return path
    if "://" in path or is_pattern(tempfile.gettempdir()):
        raise UserError(
            f"TensorFlow takes {path} as a pattern of files. Pass a directory without any of "
            f"{' '.join(PATTERN_CHARACTERS)} in its name."
        )
    return _link(os.path.abspath(path))


@functools.cache
def _link(path: str) -> str:
    link = os.path.join(_links().name, str(next(_numbers)))
    os.symlink(path, link)
    return link


@functools.cache
def _links() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="ccp-")
