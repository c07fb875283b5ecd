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


class SignalledProgress(Progress):
    """Sends its own process a signal after a certain step, which no scheduling can move."""

    def __init__(self, step: int, signal: int):
        super().__init__()
        self._step, self._signal = step, signal

    def count_step(self, loss: float) -> None:
        super().count_step(loss)
        if self.total_steps == self._step:
            os.kill(os.getpid(), self._signal)


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
        return command_line.Forked(
            "train",
            *self._flags,
            "--strategy=multi_worker",
            f"--run_dir={self.run}",
            *more,
            environment={"TF_CONFIG": json.dumps(config)},
            constants={"ccp.training.trainer.Progress": functools.partial(SignalledProgress, *signal)}
            if signal
            else {},
        )
