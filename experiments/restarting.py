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
# Since when nothing has come of starting again; kept over the restarts, since it is all that is.
_IN_VAIN_SINCE = "CCP_IN_VAIN_SINCE"
_PATIENCE_SECONDS = 900
_PAUSE_SECONDS = 1.0


class NotInVain(tf.keras.callbacks.Callback):
    """A training that has taken a step has not been started in vain."""

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        """Ends the time in vain."""
        os.environ.pop(_IN_VAIN_SINCE, None)


def start_again(error: tf.errors.OpError, should_stop: Callable[[], bool]) -> None:
    """Puts this command, from its start, in the place of this process: connections to others are made only once.

    The others do the same, or are started again by whoever started them; all go on from the last checkpoint.

    Args:
      error: that says that another process has gone.
      should_stop: asked before it; this returns where the answer is yes.

    Raises:
      TrainingError: no step has been taken for a quarter of an hour of starting again.
    """
    since = float(os.environ.setdefault(_IN_VAIN_SINCE, str(time.time())))
    if time.time() - since > _PATIENCE_SECONDS:
        raise TrainingError(
            f"Other processes have gone again and again for {(time.time() - since) / 60:.0f} minutes, in which no step "
            f"was taken ({_first_line(error)}). See what they have printed; the same command goes on from the last "
            "checkpoint."
        ) from error
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
