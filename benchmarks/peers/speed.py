"""Images per second of both sides' training steps, in alternation on one thread.

``python -m benchmarks.peers.speed --data_dir=DIR --work_dir=DIR --peer=PYTHON``, after ``python -m benchmarks.peers``,
whose images and start weights it takes.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from benchmarks.peers.losses import LOSSES, RESULTS, ROOT, add_arguments
from datasets.files import save_json

ROUNDS, STEPS, BATCH_SIZE = 15, 20, 32
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


class Side:
    """A program that makes steps when it is told to."""

    def __init__(self, command: Sequence[str]):
        environment = {**os.environ, **_ONE_THREAD}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, env=environment)

    def wait(self) -> None:
        """Until it has made its first steps."""
        while self._read() != "ready":
            pass

    def seconds(self, steps: int) -> float:
        """How long so many steps take."""
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        return float(self._read())

    def end(self) -> None:
        """Ends the program."""
        self._process.stdin.close()
        self._process.wait()

    def _read(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self._process.args} ended.")
        return line.strip()


def measure(data_dir: str, directory: pathlib.Path, peer: str) -> dict[str, list[float]]:
    """Images per second and round of each side, ``ccp`` and ``pml``; the order changes from round to round."""
    sides = {
        "ccp": Side([sys.executable, "-m", "benchmarks.peers.training", data_dir, str(directory)]),
        "pml": Side([peer, "-m", "benchmarks.peers.pml", "time", str(directory)]),
    }
    rates: dict[str, list[float]] = {name: [] for name in sides}
    try:
        for side in sides.values():
            side.wait()
        for turn in range(ROUNDS):
            for name in sorted(sides, reverse=bool(turn % 2)):
                rates[name].append(round(STEPS * BATCH_SIZE / sides[name].seconds(STEPS), 1))
    finally:
        for side in sides.values():
            side.end()
    return rates


def main() -> None:
    given = add_arguments(argparse.ArgumentParser(prog="python -m benchmarks.peers.speed")).parse_args()
    measured = {}
    for loss in LOSSES:
        measured[loss] = measure(given.data_dir, given.work_dir.absolute() / "seed0" / loss, given.peer)
        print(loss, {name: np.median(rates) for name, rates in measured[loss].items()}, flush=True)
    save_json(RESULTS / "speed.json", measured)


if __name__ == "__main__":
    main()
