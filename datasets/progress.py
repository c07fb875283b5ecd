"""How far long work has come: a bar on a terminal, a line every so often in a log."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
from collections.abc import Callable, Iterator
from typing import Any

from tqdm import tqdm

_log = logging.getLogger("ccp")
_SECONDS_BETWEEN_LINES = 30.0


class _LogStream:
    """Logs what tqdm draws, a line each."""

    def write(self, text: str) -> None:
        if text.strip():
            _log.info("%s", text.strip())

    def flush(self) -> None:
        pass


@contextlib.contextmanager
def progress(title: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    """Shows progress.

    Args:
      title: what is being done.
      total: how much there is.
      unit: what it is counted in, in the plural.

    Yields:
      To be called with how much has been done since the last call.
    """
    if sys.stderr.isatty():
        # Asked here because tqdm shows nothing on a terminal that says it is 0 columns wide, as containers' do.
        columns, lines = shutil.get_terminal_size()
        options: dict[str, Any] = {"ncols": columns, "nrows": lines}
    else:
        line = "{desc}: {n_fmt} of {total_fmt}{unit}"
        options = {"file": _LogStream(), "mininterval": _SECONDS_BETWEEN_LINES, "bar_format": line}
    with tqdm(desc=title, total=total, unit=f" {unit}", **options) as bar:
        yield bar.update
