"""Two real processes that train together on this machine: killed, started again, stopped."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import socket
import time

import numpy as np
import pytest
import tensorflow as tf

from tests import command_line
from tests.toy_training import assert_same_tensors, saved_tensors

EPOCHS = 9
_TRAIN = (
    "train",
    "--dataset=digits",
    "--loss=ccp/contrastive",
    "--projection=period",
    "--projection_period=3",
    # Of 15 images, which two processes share unevenly.
    "--classes_per_batch=5",
    "--examples_per_class=3",
    f"--max_epochs={EPOCHS}",
    "--steps_per_epoch=4",
    "--width=4",
    "--seed=3",
)
_SECONDS = 240


def free_ports() -> list[int]:
    """Two that nobody listens at."""
    sockets = [socket.socket() for _ in range(2)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Workers:
    """Two processes of ``main.py train --strategy=multi_worker``.

    Args:
      run: their run's directory.
      of_second: further flags of the second one.
    """

    def __init__(self, run: pathlib.Path, *of_second: str):
        self.run, self._hosts = run, [f"localhost:{port}" for port in free_ports()]
        self.processes = [self.start(0), self.start(1, *of_second)]

    def start(self, index: int, *more: str) -> command_line.Forked:
        """Starts the process of this number."""
        cluster = {"cluster": {"worker": self._hosts}, "task": {"type": "worker", "index": index}}
        flags = ("--strategy=multi_worker", f"--run_dir={self.run}", *more)
        return command_line.Forked(*_TRAIN, *flags, environment={"TF_CONFIG": json.dumps(cluster)})

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
        """Exit codes and outputs of both."""
        return [command_line.ended(process) for process in self.processes]


@pytest.mark.slow
class TwoWorkersTest(tf.test.TestCase):
    def test_killed_workers_and_stopped_ones_go_on_to_the_unbroken_run_s_result(self):
        home = pathlib.Path(self.get_temp_dir())
        alone = command_line.Forked(*_TRAIN, f"--run_dir={home / 'alone'}")  # Meanwhile.
        unbroken = Workers(home / "unbroken")
        for index, (code, out, err) in enumerate(unbroken.ended()):
            self.assertEqual(code, 0, err)
            self.assertEqual("unseen classes" in out, index == 0, out)  # The chief alone reports.

        broken = Workers(home / "broken")
        broken.wait_for(1)
        os.kill(broken.processes[1].pid, signal.SIGTERM)
        for code, _, err in broken.ended():
            self.assertEqual(code, 128 + signal.SIGTERM, err)
            self.assertIn("The same command goes on from there.", err)
        broken.processes = [broken.start(index) for index in range(2)]
        for index in (1, 0):
            broken.wait_for(broken.lines() + 2)
            broken.kill_and_start(index)
        for index, (code, _, err) in enumerate(broken.ended()):
            self.assertEqual(code, 0, err)
            self.assertEqual("Starting again" in err, index == 1, err)  # The chief was killed after it had.

        code, _, err = command_line.ended(alone)
        self.assertEqual(code, 0, err)
        self.assert_same_run(home / "broken", home / "unbroken")
        self.assert_close_run(home / "unbroken", home / "alone")

    def test_processes_that_are_not_of_one_mind_find_out(self):
        home = pathlib.Path(self.get_temp_dir())
        for code, _, err in Workers(home / "run", "--seed=4", "--learning_rate=0.5").ended():
            self.assertEqual(code, 2, err)
            self.assertIn("seed is 3 in process 1 and 4 in process 2", err)
            self.assertIn("learning_rate is ", err)
        self.assertFalse((home / "run").exists())

    def assert_same_run(self, actual: pathlib.Path, expected: pathlib.Path):
        assert_same_tensors(saved_tensors(actual / "checkpoints"), saved_tensors(expected / "checkpoints"))
        for name in ("metrics.jsonl", "result.json"):
            self.assertEqual((actual / name).read_text(), (expected / name).read_text(), name)

    def assert_close_run(self, actual: pathlib.Path, expected: pathlib.Path):
        tensors = saved_tensors(actual / "checkpoints")
        for name, value in saved_tensors(expected / "checkpoints").items():
            if name.startswith("model/") and isinstance(value, np.ndarray):
                scale = np.abs(value).max()
                self.assertAllClose(tensors[name] / scale, value / scale, rtol=0, atol=1e-4, msg=name)
        scores = [json.loads((run / "result.json").read_text())["test"] for run in (actual, expected)]
        self.assertAllClose(*scores, rtol=0, atol=1e-3)
        self.assertEqual(*(files_of(run) for run in (actual, expected)))


def files_of(run: pathlib.Path) -> list[str]:
    """What a run has left behind; TensorBoard's files, each of which has a name of its own, by their kind."""
    names = (str(path.relative_to(run)) for path in run.rglob("*"))
    return sorted("events" if "events.out" in name else name for name in names)


if __name__ == "__main__":
    tf.test.main()
