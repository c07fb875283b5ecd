"""The standard streams of a process, whatever they are connected to, and its end. Free of TensorFlow."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import sys
from typing import Any

STDOUT = "standard output"  # The file name of its errors.
_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


class _Named(io.FileIO):
    """Standard output, whose errors say that they are its."""

    def write(self, data: Any) -> int | None:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = STDOUT
            raise


def prepare_streams() -> None:
    """Opens streams that were closed, and lets text of any language through, at worst as question marks.

    A closed stream's number would go to the next file that is opened, and messages of libraries then into that file.
    """
    for number, (name, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            os.dup2(os.open(os.devnull, os.O_RDWR), number)
            setattr(sys, name, open(number, mode, closefd=False))  # noqa: SIM115 - open until the process ends
    # Apart from what libraries write to standard error, which may be caught.
    sys.stderr = open(os.dup(2), "w", buffering=1, encoding=sys.stderr.encoding)  # noqa: SIM115 - as above
    for stream in (sys.stdout, sys.stderr):
        # In UTF-8 only the bytes of file names that are no text cannot be encoded, and go out as they are.
        stream.reconfigure(errors="surrogateescape" if stream.encoding.lower() == "utf-8" else "replace")
    raw = io.BufferedWriter(_Named(sys.stdout.fileno(), "w", closefd=False))
    sys.stdout = io.TextIOWrapper(raw, sys.stdout.encoding, sys.stdout.errors, line_buffering=sys.stdout.isatty())


def give_up_stdout() -> None:
    """Lets the rest of the output go nowhere; Python would complain of it as it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def end_process(code: int) -> None:
    """Ends the process as ``sys.exit`` does, without waiting for what TensorFlow still does in the background.

    Deleting an iterator of ``tf.data`` waits for all images that are being read, which cannot be interrupted and may
    take half a minute; so this has to be called while the error that ended the work holds on to the iterators.
    """
    atexit._run_exitfuncs()  # Such as the removal of temporary files.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)
