"""What libjpeg says, without the name of a file, of files that it reads although they are damaged."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator

_STDERR = 2  # As libraries know it, whatever ``sys.stderr`` is.
_WARNING = re.compile(
    rb"(?:Corrupt JPEG data|Premature end of JPEG file|Invalid SOS parameters|Improper call to JPEG)[^\n]*\n"
)


class JpegWarnings:
    """The warnings since a ``caught_jpeg_warnings`` began.

    Args:
      file: that libraries write to.
    """

    def __init__(self, file: int):
        self._file = file

    def contents(self) -> bytes:
        """All that was written."""
        return os.pread(self._file, os.fstat(self._file).st_size, 0)

    @property
    def count(self) -> int:
        """How many of that are warnings."""
        return len(_WARNING.findall(self.contents()))


@contextlib.contextmanager
def caught_jpeg_warnings() -> Iterator[JpegWarnings]:
    """Keeps libjpeg's warnings off standard error; what else is written there follows when the block ends.

    What Python prints there, such as a bar of progress, is seen at once.
    """
    with tempfile.TemporaryFile() as file, open(os.dup(_STDERR), "w", 1, errors="backslashreplace") as stderr:
        warnings = JpegWarnings(file.fileno())
        os.dup2(file.fileno(), _STDERR)
        try:
            with contextlib.redirect_stderr(stderr if sys.stderr is sys.__stderr__ else sys.stderr):
                yield warnings
        finally:
            os.dup2(stderr.fileno(), _STDERR)
            with contextlib.suppress(OSError):
                os.write(_STDERR, _WARNING.sub(b"", warnings.contents()))
