"""What libjpeg says, without the name of a file, of files that it reads although they are damaged."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator

_STDERR = 2  # As libraries know it, whatever ``sys.stderr`` is.
_WARNING = re.compile(
    rb"(?:Corrupt JPEG data|Premature end of JPEG file|Invalid SOS parameters|Improper call to JPEG)[^\n]*\n"
)


@contextlib.contextmanager
def caught_jpeg_warnings() -> Iterator[Callable[[], int]]:
    """Keeps libjpeg's warnings off standard error; what else is written there follows when the block ends.

    What Python prints there, such as a bar of progress, is seen at once.

    Yields:
      A function that counts the warnings so far.
    """
    with tempfile.TemporaryFile() as file, open(os.dup(_STDERR), "w", 1, errors="backslashreplace") as stderr:

        def written() -> bytes:
            return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)

        os.dup2(file.fileno(), _STDERR)
        try:
            with contextlib.redirect_stderr(stderr if sys.stderr is sys.__stderr__ else sys.stderr):
                yield lambda: len(_WARNING.findall(written()))
        finally:
            os.dup2(stderr.fileno(), _STDERR)
            with contextlib.suppress(OSError):
                os.write(_STDERR, _WARNING.sub(b"", written()))
