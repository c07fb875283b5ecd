"""Long work that can be stopped and gone on with."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import TypeVar

from ccp.distribution.cluster import cluster_of
from ccp.distribution.peers import linger, tell_others, told
from ccp.errors import Interrupted
from experiments.commands.command_line import EXIT_BY_SIGNAL
from experiments.restarting import OTHERS_GONE, start_again
from experiments.stop_request import StopRequest
from experiments.train import make_deterministic

Result = TypeVar("Result")


def until_stopped(work: Callable[[StopRequest], Result], jit_compile: bool = False, strategy: str = "none") -> Result:
    """Does a command's work, and computes the same bits every time.

    Of several processes that work together, each starts again when another has gone, all end with the error of one, and
    the chief alone returns.

    Args:
      work: given the request that it is to look at.
      jit_compile: XLA takes part: TensorFlow then cannot promise the same bits, and is not asked to, as it would refuse
        to compile max pooling.
      strategy: the configuration's.

    Raises:
      UserError: another process cannot go on; its words.
      SystemExit: it was stopped, with the exit code of the signal; or it is done, and there is a chief to report it.
    """
    together = strategy == "multi_worker"
    if not jit_compile:
        make_deterministic()
    with StopRequest() as stop:
        try:
            result = work(stop)
        except Interrupted as interruption:
            print(f"{interruption} The same command goes on from there.", file=sys.stderr)
            # None here where another process was sent the signal.
            raise SystemExit(EXIT_BY_SIGNAL + (stop.signal or signal.SIGTERM)) from None
        except BaseException as error:
            if together:
                _end_together(error, stop)
            raise
    if together and not cluster_of().is_chief:
        raise SystemExit(0)
    return result


def _end_together(error: BaseException, stop: StopRequest) -> None:
    """Sees to it that no process is left alone with another one's error; returns if this one's is to be raised."""
    others_error = told(error)
    if others_error is not None:
        linger()  # Third ones may still be about to hear of it, by way of this one.
        raise others_error from error
    if isinstance(error, OTHERS_GONE):
        start_again(error, stop)
        raise SystemExit(EXIT_BY_SIGNAL + stop.signal) from None  # Asked to, while it was about to start again.
    tell_others(error)
