"""Two real processes that train together on this machine: killed, resumed, and with errors."""

from __future__ import annotations

import json
import pathlib
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.support import command_line
from tests.support.toy_training import assert_same_tensors, saved_tensors
from tests.support.worker_processes import Workers

_TRAIN = (
    "--dataset=digits",
    "--loss=ccp/contrastive",
    "--projection=period",
    "--projection_period=1",
    # 15 images, which two processes share unevenly.
    "--classes_per_batch=5",
    "--examples_per_class=3",
    "--max_epochs=2",
    "--steps_per_epoch=3",
    "--width=4",
    "--seed=3",
)
_GONE = "error: Another process of this training has ended .*Start all processes again with the same command"


@pytest.mark.slow  # Ten processes: nothing less shows what one does when another one ends.
class TwoWorkersTest(tf.test.TestCase):
    def test_killed_processes_resume_to_the_result_of_an_unbroken_run(self):
        home = pathlib.Path(self.get_temp_dir())
        alone = command_line.Forked("train", *_TRAIN, f"--run_dir={home / 'alone'}")
        unbroken, broken = Workers(home / "unbroken", _TRAIN), Workers(home / "broken", _TRAIN)
        together = [unbroken.start(index) for index in range(2)]

        # In the last epoch, after a projection.
        killed, left = [broken.start(0, signal=(5, signal.SIGKILL)), broken.start(1)]
        self.assertEqual(command_line.ended(killed)[0], -signal.SIGKILL)
        code, _, err = command_line.ended(left)
        self.assertEqual(code, 1, err)
        self.assertRegex(err, _GONE)
        resumed = [broken.start(index) for index in range(2)]
        for reports, process in zip((True, False, True, False, True), (*together, *resumed, alone)):
            code, out, err = command_line.ended(process)
            self.assertEqual(code, 0, err)
            self.assertEqual("unseen classes" in out, reports, out)  # The chief alone.

        self.assert_same_run(home / "broken", home / "unbroken")
        self.assert_close_run(home / "unbroken", home / "alone")

    def test_a_process_alone_and_one_with_an_error_end_both_with_messages(self):
        home = pathlib.Path(self.get_temp_dir())
        lonely = Workers(home / "lonely", (*_TRAIN, "--worker_timeout=3"))
        alone = lonely.start(0)
        (home / "file").touch()
        refused = Workers(home / "file", _TRAIN)
        chief, worker = (command_line.ended(process) for process in [refused.start(index) for index in range(2)])
        self.assertEqual(chief[0], 1, chief[2])
        self.assertIn(f"error: {home / 'file'} is a file", chief[2])
        self.assertEqual(worker[0], 1, worker[2])
        self.assertRegex(worker[2], _GONE)

        code, _, err = command_line.ended(alone)
        self.assertEqual(code, 1, err)
        self.assertIn(f"Waiting up to 3 seconds for all processes of TF_CONFIG ({', '.join(lonely.addresses)})", err)
        self.assertIn("Timeout (0:00:03)!", err)

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


if __name__ == "__main__":
    tf.test.main()
