"""Work that a signal stops, and that computes the same bits every time."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow as tf

from ccp.distribution.failures import explained_failures
from ccp.errors import Interrupted
from experiments.commands.command_line import EXIT_BY_SIGNAL
from experiments.workers import is_chief

_log = logging.getLogger("ccp")
_Result = TypeVar("_Result")
_WAITING = b"Stopping once this step is saved; a second signal ends the process at once.\n"


class StopRequest:
    """What the first SIGTERM or Ctrl-C does to a training; the second one ends the process.

    It raises KeyboardInterrupt at once where nothing would be lost. Training asks after each step, by a call, whether a
    stop was requested; from its first question on a signal waits for the next one.

    Attributes:
      signal: the signal that was received; None if none was.

    Args:
      always_waits: for training to ask, as where other processes have to stop at the same step.
    """

    def __init__(self, always_waits: bool = False):
        self.signal: int | None = None
        self._always_waits = self._waits = always_waits
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
        self._waits = True
        return self.signal is not None

    @contextlib.contextmanager
    def training(self) -> Iterator[None]:
        """Around a training, after which nothing is lost by a stop."""
        yield
        self._stop_at_once()

    def at_once(self, work: Callable[..., _Result]) -> Callable[..., _Result]:
        """The same function, for a training, but a signal stops it: what it returns can be computed again."""

        def stoppable(*args: Any) -> _Result:
            waited = self._waits
            self._stop_at_once()
            try:
                return work(*args)
            finally:
                self._waits = waited

        return stoppable

    def _stop_at_once(self) -> None:
        self._waits = self._always_waits
        if self.signal is not None and not self._waits:
            raise KeyboardInterrupt

    def _note(self, number: int, _frame: Any) -> None:
        self.signal = number
        signal.signal(number, signal.SIG_DFL)
        if not self._waits:
            raise KeyboardInterrupt
        with contextlib.suppress(OSError):
            # Not by print, which the signal may have interrupted; on a terminal, below the progress bar.
            os.write(2, b"\n" * os.isatty(2) + _WAITING)


NEVER = StopRequest()  # Without signals.


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
    with StopRequest(always_waits=strategy == "multi_worker") as stop, explained_failures():
        try:
            yield stop
        except (Interrupted, KeyboardInterrupt) as interruption:
            done = str(interruption) or "Stopped; all that was trained is saved."
            _log.warning("%s The same command resumes from there.", done)
            # Without a signal here, another process received it.
            raise SystemExit(EXIT_BY_SIGNAL + (stop.signal or signal.SIGTERM)) from None
    if not is_chief(strategy):
        raise SystemExit(0)
