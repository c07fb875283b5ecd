"""Real kills of a real training process."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import time
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from tests.support import command_line
from tests.support.toy_training import assert_same_tensors, saved_tensors

EPOCHS = 14
# CCP and XBM together, so that proxies, anchor and memory are all saved and restored.
_TRAIN = (
    "train",
    "--dataset=digits",
    "--loss=ccp_xbm/contrastive",
    "--projection=period",
    "--projection_period=3",
    "--memory_batches=3",
    "--memory_start_step=10",
    f"--max_epochs={EPOCHS}",
    "--steps_per_epoch=6",
    "--width=8",
    "--seed=3",
    "--learning_rate_schedule=plateau",
    "--plateau_epochs=1",
)


def _lines(run: pathlib.Path) -> int:
    metrics = run / "metrics.jsonl"
    return metrics.read_text().count("\n") if metrics.exists() else 0


def _start_and_signal(start: Callable, run: pathlib.Path, delay: float, number: int) -> tuple[int, str]:
    """Starts the training and sends it a signal ``delay`` seconds after it has logged an epoch of its own."""
    before = _lines(run)
    process = start(*_TRAIN, f"--run_dir={run}")
    deadline = time.monotonic() + 120
    while _lines(run) == before and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(delay)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=120)
    return process.returncode, err


@pytest.mark.slow
class KillAndResumeTest(tf.test.TestCase):
    def test_a_training_killed_again_and_again_ends_with_the_same_bits(self):
        home = pathlib.Path(self.get_temp_dir())
        whole, broken = home / "whole", home / "broken"
        unbroken = command_line.Forked(*_TRAIN, f"--run_dir={whole}")  # Meanwhile.

        # SIGKILL at moments that fall anywhere: in steps, validation, projections, checkpoints and logging.
        delays = np.random.default_rng(0).uniform(0.0, 0.2, size=2)
        for start, delay in zip((command_line.start, command_line.Forked), delays):
            code, _ = _start_and_signal(start, broken, delay, signal.SIGKILL)
            self.assertEqual(code, -signal.SIGKILL)
        code, err = _start_and_signal(command_line.Forked, broken, 0.05, signal.SIGTERM)
        self.assertEqual(code, 128 + signal.SIGTERM, err)
        self.assertIn("The same command resumes from there.", err)
        self.assertLess(_lines(broken), EPOCHS)
        code, _, err = command_line.run_forked(*_TRAIN, f"--run_dir={broken}")
        self.assertEqual(code, 0, err)
        _, err = unbroken.communicate()
        self.assertEqual(unbroken.returncode, 0, err)

        assert_same_tensors(saved_tensors(broken / "checkpoints"), saved_tensors(whole / "checkpoints"))
        for name in ("metrics.jsonl", "result.json", "settings.json"):
            self.assertEqual((broken / name).read_text(), (whole / name).read_text(), name)
        self.assertGreaterEqual(json.loads((whole / "result.json").read_text())["projections"], 2)
        projections = sorted(path.name for path in (whole / "projections").iterdir())
        self.assertEqual(projections, sorted(path.name for path in (broken / "projections").iterdir()))
        for name in projections:
            with np.load(whole / "projections" / name) as one, np.load(broken / "projections" / name) as other:
                for key in one.files:
                    self.assertAllEqual(one[key], other[key])


class SecondProcessTest(tf.test.TestCase):
    def test_a_run_directory_has_one_process_at_a_time(self):
        run = pathlib.Path(self.get_temp_dir()) / "run"
        first = command_line.Forked(*_TRAIN, "--max_epochs=500", f"--run_dir={run}")
        try:
            deadline = time.monotonic() + 120
            while _lines(run) < 1 and time.monotonic() < deadline:
                time.sleep(0.01)
            code, _, err = command_line.run_forked(*_TRAIN, "--max_epochs=500", f"--run_dir={run}")
            self.assertEqual(code, 1)
            self.assertIn("Another process is training in", err)
            self.assertIsNone(first.poll())
        finally:
            first.kill()
            first.communicate()


if __name__ == "__main__":
    tf.test.main()
