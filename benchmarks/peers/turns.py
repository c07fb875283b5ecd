"""Two programs that take turns: each makes some steps when it is told to, and reports the seconds. Standard library."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

WARM_UP = 20


def serve(step: Callable[[int], object]) -> None:
    """Reads numbers of steps from standard input, one a line, and writes the seconds that so many took.

    Args:
      step: makes one step and waits for it; its argument counts the steps.
    """
    for at in range(WARM_UP):
        step(at)
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for at in range(int(line)):
            step(at)
        print(time.perf_counter() - start, flush=True)
