"""Real processes of ``main.py train --strategy=multi_worker`` on this machine."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tests.support import command_line

_SECONDS = 240


def free_ports(count: int) -> list[int]:
    """So many that nobody listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Workers:
    """Two processes that train together.

    Args:
      run: their run's directory.
      flags: of both.
      of_second: further flags of the second one, which win.
      indices: which of the two are started.
      constants: see ``command_line.Forked``.
    """

    def __init__(
        self,
        run: pathlib.Path,
        flags: Sequence[str],
        of_second: Sequence[str] = (),
        indices: Sequence[int] = (0, 1),
        constants: Mapping[str, Any] = MappingProxyType({}),
    ):
        self.run, self._flags, self._constants = run, flags, constants
        self.hosts = [f"localhost:{port}" for port in free_ports(2)]
        self.processes = [self.start(index, *(of_second if index else ())) for index in indices]

    def start(self, index: int, *more: str) -> command_line.Forked:
        """Starts the process of this number."""
        cluster = {"cluster": {"worker": self.hosts}, "task": {"type": "worker", "index": index}}
        flags = ("--strategy=multi_worker", f"--run_dir={self.run}", *more)
        environment = {"TF_CONFIG": json.dumps(cluster)}
        return command_line.Forked("train", *self._flags, *flags, environment=environment, constants=self._constants)

    def wait_for(self, lines: int) -> None:
        """Until so many epochs are logged."""
        deadline = time.monotonic() + _SECONDS
        while self.lines() < lines:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.run}: no {lines} epochs in {_SECONDS} seconds.")
            time.sleep(0.02)

    def lines(self) -> int:
        """How many epochs are logged."""
        metrics = self.run / "metrics.jsonl"
        return metrics.read_text().count("\n") if metrics.exists() else 0

    def kill_and_start(self, index: int) -> None:
        """As a machine that fails and comes back."""
        os.kill(self.processes[index].pid, signal.SIGKILL)
        self.processes[index].communicate()
        self.processes[index] = self.start(index)

    def ended(self) -> list[tuple[int, str, str]]:
        """Exit codes and outputs of all."""
        return [command_line.ended(process) for process in self.processes]
