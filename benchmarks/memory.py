"""How much memory a computation needs at its peak, above what it is given.

Measured from outside TensorFlow, as the operating system sees it: the highest resident size that the
process had from then on, less its resident size just before. For that it runs in a separate process, which first

1. makes the inputs, which are therefore not counted;
2. runs the same computation on small inputs, so that code, threads and graphs are there and not counted either.

Where the operating system does not let a process forget its earlier peak (making the inputs may have taken more than
they are), that peak counts too, and can only make the figure larger.
"""

from __future__ import annotations

import contextlib
import importlib
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable

_CALLS = 5
_STATUS = pathlib.Path("/proc/self/status")
_FORGET = pathlib.Path("/proc/self/clear_refs")  # 5 resets VmHWM.


def peak_growth(workload: str, *arguments: str) -> float | None:
    """Peak resident memory of a computation above its inputs, in MB (10⁶ bytes).

    Args:
      workload: ``module:function``. The function is called with the arguments in a new process, keeps the
        inputs alive in what it returns, and returns ``(small, full)``: callables that run the computation.
      *arguments: of the function.

    Returns:
      None where the operating system does not report it (Linux does).
    """
    if not _STATUS.exists():
        return None
    command = [sys.executable, "-m", "benchmarks.memory", workload, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"Measuring the memory of {workload} {arguments} failed:\n{finished.stderr}")
    return float(finished.stdout)


def _measure(small: Callable[[], object], full: Callable[[], object]) -> float:
    for _ in range(_CALLS):
        small()
    with contextlib.suppress(OSError):
        _FORGET.write_text("5")
    before = _status("VmRSS")
    for _ in range(_CALLS):
        full()
    return (_status("VmHWM") - before) / 1e6


def _status(field: str) -> int:
    # Not getrusage: there a process starts with the peak of the one that started it.
    return int(re.search(rf"{field}:\s*(\d+) kB", _STATUS.read_text()).group(1)) * 1024


def _main(workload: str, *arguments: str) -> None:
    module, function = workload.split(":")
    print(_measure(*getattr(importlib.import_module(module), function)(*arguments)))


if __name__ == "__main__":
    _main(*sys.argv[1:])
