"""What a process reports when another one has ended."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import tensorflow as tf

from ccp.errors import TrainingError, first_line

_ERRORS = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
)


@contextlib.contextmanager
def explained_failures() -> Iterator[None]:
    """Reports the errors that TensorFlow raises when another process has ended or does not answer.

    Raises:
      TrainingError: in their place.
    """
    try:
        yield
    except _ERRORS as error:
        found = re.search("Collective (?:ops|has) .*", f"{error.message}")
        reason = found[0] if found else first_line(error)
        raise TrainingError(
            f"Another process of this training has ended or does not answer ({reason}); its output says why. The last "
            "checkpoint is kept. Start all processes again with the same command to resume from it."
        ) from error
