"""Two real processes of ``main.py train --strategy=multi_worker`` on this machine."""

from __future__ import annotations

import functools
import json
import os
import pathlib
import socket
from collections.abc import Sequence

from ccp.training.progress import Progress
from tests.support import command_line

_count_step = Progress.count_step


def count_step_and_signal(progress: Progress, step: int, signal: int) -> None:
    """Sends the process a signal after a certain step, which no scheduling can move."""
    _count_step(progress)
    if progress.total_steps == step:
        os.kill(os.getpid(), signal)


class Workers:
    """Two processes of one run; process 0 is the chief.

    Args:
      run: the run's directory.
      flags: of both processes.
    """

    def __init__(self, run: pathlib.Path, flags: Sequence[str]):
        self.run, self._flags = run, flags
        sockets = [socket.create_server(("localhost", 0)) for _ in range(2)]
        self.addresses = [f"localhost:{one.getsockname()[1]}" for one in sockets]
        for one in sockets:
            one.close()

    def start(self, index: int, *more: str, signal: tuple[int, int] | None = None) -> command_line.Forked:
        """Starts one process.

        Args:
          index: which one.
          more: further flags, which win.
          signal: the step after which the process sends itself a signal, and its number.
        """
        config = {"cluster": {"worker": self.addresses}, "task": {"type": "worker", "index": index}}
        constants = {}
        if signal is not None:
            method = functools.partialmethod(count_step_and_signal, *signal)
            constants["ccp.training.progress.Progress.count_step"] = method
        return command_line.Forked(
            "train",
            *self._flags,
            "--strategy=multi_worker",
            f"--run_dir={self.run}",
            *more,
            environment={"TF_CONFIG": json.dumps(config)},
            constants=constants,
        )
