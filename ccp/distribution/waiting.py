"""Waiting for other processes: not in silence, and not for ever. Free of TensorFlow."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

from ccp.distribution.cluster import VARIABLE, Cluster
from ccp.errors import Interrupted, TrainingError

# How long it is waited, and how long in silence.
PATIENCE_SECONDS, SILENT_SECONDS = 900.0, 10.0


class Wait:
    """A wait with an end, which is not silent.

    Attributes:
      trouble: what stood in the way last.

    Args:
      cluster: the processes.
      should_stop: asked while waiting.
    """

    def __init__(self, cluster: Cluster, should_stop: Callable[[], bool]):
        self._cluster, self._should_stop = cluster, should_stop
        self._since, self._told = time.monotonic(), False
        self.trouble = "nothing was heard"

    def go_on(self, missing: Sequence[int]) -> None:
        """Called again and again.

        Args:
          missing: the processes that have not come.

        Raises:
          TrainingError: it has lasted for ``PATIENCE_SECONDS``.
          Interrupted: ``should_stop`` said so.
        """
        seconds = time.monotonic() - self._since
        if self._should_stop():
            raise Interrupted("Stopped while waiting for other processes.")
        if seconds > PATIENCE_SECONDS:
            raise TrainingError(
                f"Waited {seconds / 60:.0f} minutes in vain for {self._names(missing)} ({self.trouble}). See what has "
                f"been printed there. Every process needs the same cluster in {VARIABLE}, with its own index, and must "
                "reach the others at their ports."
            )
        if seconds > SILENT_SECONDS and not self._told:
            self._told = True
            _say(f"Waiting for {self._names(missing)}, up to {PATIENCE_SECONDS / 60:.0f} minutes.")

    def end(self) -> None:
        """All have come."""
        if self._told:
            _say("All processes are there.")

    def _names(self, processes: Sequence[int]) -> str:
        return " and ".join(f"process {number + 1} at {self._cluster.hosts[number]}" for number in processes)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
