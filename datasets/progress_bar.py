"""How far long work has come: a bar on a terminal, a plain line every so often in a log."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import time
from collections.abc import Callable, Iterator

from tqdm import tqdm

BYTES = "bytes"

_LOGGER = logging.getLogger("ccp")
_SECONDS_BETWEEN_LINES = 30.0

# To be called with how much has been done since the last call.
Advance = Callable[[int], None]
# As ``shown``: from a title, how much there is and how much was done before to a context in which it is counted.
Progress = Callable[..., contextlib.AbstractContextManager]


@contextlib.contextmanager
def shown(title: str, total: int | None, done: int = 0, unit: str = BYTES) -> Iterator[Advance]:
    """Shows progress where the user looks.

    Args:
      title: what is being done.
      total: how much there is in all, if that is known.
      done: what was done before.
      unit: what it is counted in.
    """
    with _bar(title, total, done, unit) if sys.stderr.isatty() else _lines(title, total, done, unit) as advance:
        yield advance


@contextlib.contextmanager
def _bar(title: str, total: int | None, done: int, unit: str) -> Iterator[Advance]:
    # Asked here because tqdm shows nothing on a terminal that says it is 0 columns wide, as containers' do.
    columns, lines = shutil.get_terminal_size()
    counted = {"unit": "B", "unit_scale": True, "unit_divisor": 1000} if unit == BYTES else {"unit": f" {unit}"}
    with tqdm(desc=title, total=total, initial=done, ncols=columns, nrows=lines, **counted) as bar:
        yield bar.update


@contextlib.contextmanager
def _lines(title: str, total: int | None, done: int, unit: str) -> Iterator[Advance]:
    last_line = time.monotonic()

    def advance(size: int) -> None:
        nonlocal done, last_line
        done += size
        if time.monotonic() - last_line >= _SECONDS_BETWEEN_LINES:
            last_line = time.monotonic()
            _LOGGER.info(
                "%s: %s", title, f"{done / total:.0%} of {in_words(total, unit)}" if total else in_words(done, unit)
            )

    yield advance
    _LOGGER.info("%s: done, %s", title, in_words(done, unit))


def in_words(size: int, unit: str = BYTES) -> str:
    """An amount as people write it."""
    if unit != BYTES:
        return f"{size:,} {unit}"
    for unit, bytes_of_it in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= bytes_of_it:
            return f"{size / bytes_of_it:.1f} {unit}"
    return f"{size} bytes"
