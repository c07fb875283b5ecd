"""One error for everything that a damaged archive can bring about."""

from __future__ import annotations

import contextlib
import errno
import pathlib
from collections.abc import Iterator

from datasets.manifest import DataError


@contextlib.contextmanager
def damage_named(archive: pathlib.Path) -> Iterator[None]:
    """Within it, only the archive is read: whatever goes wrong there is damage, unless the disk says otherwise.

    Raises:
      DataError: the archive is damaged or incomplete.
    """
    try:
        yield
    except DataError:
        raise
    # Parsers meet damaged bytes with errors of any kind: zlib.error, EOFError, struct.error, KeyError, RecursionError.
    except Exception as error:
        # EINVAL is a seek to where no file has a byte: damage again.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise DataError(
            f"{archive} is damaged or incomplete ({error or type(error).__name__}); fetch it again. What is extracted "
            "already stays."
        ) from error
