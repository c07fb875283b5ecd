"""Stopping a training by a signal."""

from __future__ import annotations

import signal
from typing import Any


class StopRequest:
    """Turns the first SIGTERM or Ctrl-C into a request that training checks; the second one ends the process.

    Used as a context manager around training; calling it says whether a stop was requested.

    Attributes:
      signal: the signal that was received; None if none was.
    """

    def __init__(self):
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: Any) -> None:
        for number, previous in self._previous.items():
            signal.signal(number, previous)

    def __call__(self) -> bool:
        """Whether a stop was requested."""
        return self.signal is not None

    def _note(self, number: int, _frame: Any) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL)
