"""Starting again where another process of a training has gone."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

import tensorflow as tf

from ccp.errors import TrainingError

# As TensorFlow says that a process has gone, or has come back as another one, in whatever it is about.
OTHERS_GONE = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)
# When this process first started again in vain; kept over the restarts, since it is all that does.
_IN_VAIN_SINCE = "CCP_RESTARTING_SINCE"
# What lasted so long was not in vain; and it is given up where nothing has lasted for the other.
_LASTING_SECONDS, _PATIENCE_SECONDS = 60, 900
_PAUSE_SECONDS = 1.0


def start_again(error: tf.errors.OpError, started: float, should_stop: Callable[[], bool]) -> None:
    """Puts this command, from its start, in the place of this process: connections to others are made only once.

    The others do the same, or are started again by whoever started them; all go on from the last checkpoint.

    Args:
      error: that says that another process has gone.
      started: when this process was, by ``time.time()``.
      should_stop: asked before it; this returns where the answer is yes.

    Raises:
      TrainingError: it has been started again and again for a quarter of an hour, and has not lasted a minute.
    """
    now = time.time()
    since = float(os.environ.get(_IN_VAIN_SINCE, now)) if now - started < _LASTING_SECONDS else now
    if now - since > _PATIENCE_SECONDS:
        raise TrainingError(
            f"Other processes have gone again and again for {(now - since) / 60:.0f} minutes ({_first_line(error)}). "
            "See what they have printed; the same command goes on from the last checkpoint."
        ) from error
    os.environ[_IN_VAIN_SINCE] = str(since)
    print(
        f"Another process has gone ({_first_line(error)}). Starting again, to wait for it and to go on from the last "
        "checkpoint.",
        file=sys.stderr,
        flush=True,
    )
    sys.stdout.flush()
    time.sleep(_PAUSE_SECONDS)
    if not should_stop():
        os.execv(sys.executable, [sys.executable, *sys.argv])


def _first_line(error: tf.errors.OpError) -> str:
    """TensorFlow's last words, which follow where in a graph it was."""
    lines = [line for line in f"{error.message}".split("\n") if "Collective" in line or "oordination" in line]
    return (lines or [f"{error.message}\n".split("\n")[0]])[0][:160]
