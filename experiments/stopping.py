"""Work that a signal stops, and that computes the same bits every time."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from ccp.distribution.failures import explained_failures
from ccp.errors import Interrupted
from experiments.commands.command_line import EXIT_BY_SIGNAL
from experiments.workers import is_chief


class StopRequest:
    """Turns the first SIGTERM or Ctrl-C into a request that training checks; the second one ends the process.

    Used as a context manager around training; calling it returns whether a stop was requested.

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


def make_deterministic() -> None:
    """Makes this process compute the same bits every time; to be called before anything is built."""
    tf.config.experimental.enable_op_determinism()


@contextlib.contextmanager
def until_stopped(strategy: str = "none", jit_compile: bool = False) -> Iterator[StopRequest]:
    """The work of a command: it stops at a signal, and computes the same bits every time.

    Args:
      strategy: as in the settings. Of several processes only the chief leaves this normally, to report the result.
      jit_compile: XLA is used: TensorFlow then cannot promise the same bits, and would refuse to compile max pooling.

    Raises:
      TrainingError: another process has ended.
      SystemExit: the work was stopped, with the exit code of the signal; or it is done, in a process that is not the
        chief.
    """
    if not jit_compile:
        make_deterministic()
    with StopRequest() as stop, explained_failures():
        try:
            yield stop
        except Interrupted as interruption:
            print(f"{interruption} The same command resumes from there.", file=sys.stderr)
            # Without a signal here, another process received it.
            raise SystemExit(EXIT_BY_SIGNAL + (stop.signal or signal.SIGTERM)) from None
    if not is_chief(strategy):
        raise SystemExit(0)
