"""Two real processes that train together on this machine: killed, stopped, resumed, and with errors."""

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
    "--projection_period=2",
    # 15 images, which two processes share unevenly.
    "--classes_per_batch=5",
    "--examples_per_class=3",
    "--max_epochs=4",
    "--steps_per_epoch=4",
    "--width=4",
    "--seed=3",
)
_GONE = "error: Another process of this training has ended .*Start all processes again with the same command"


@pytest.mark.slow  # Starts eleven processes: nothing less shows that they find out about each other's end.
class TwoWorkersTest(tf.test.TestCase):
    def test_killed_and_stopped_processes_resume_to_the_result_of_an_unbroken_run(self):
        home = pathlib.Path(self.get_temp_dir())
        alone = command_line.Forked("train", *_TRAIN, f"--run_dir={home / 'alone'}")
        unbroken, broken = Workers(home / "unbroken", _TRAIN), Workers(home / "broken", _TRAIN)
        together = [unbroken.start(index) for index in range(2)]

        # A signal to one stops both after the step; of two, the one that is not killed ends with a message.
        for index, step, number in ((1, 2, signal.SIGTERM), (0, 6, signal.SIGKILL), (1, 9, signal.SIGKILL)):
            processes = [broken.start(at, signal=(step, number) if at == index else None) for at in range(2)]
            ended = [command_line.ended(process) for process in processes]
            if number == signal.SIGTERM:
                for code, _, err in ended:
                    self.assertEqual(code, 128 + number, err)
                    self.assertIn("The same command resumes from there.", err)
            else:
                self.assertEqual(ended[index][0], -number, ended[index][2])
                self.assertEqual(ended[1 - index][0], 1, ended[1 - index][2])
                self.assertRegex(ended[1 - index][2], _GONE)
        resumed = [broken.start(index) for index in range(2)]
        for reports, process in zip((True, False, True, False, True), (*together, *resumed, alone)):
            code, out, err = command_line.ended(process)
            self.assertEqual(code, 0, err)
            self.assertEqual("unseen classes" in out, reports, out)  # The chief alone.
        # A finished run needs no other process.
        code, out, err = command_line.ended(broken.start(0))
        self.assertEqual(code, 0, err)
        self.assertIn("unseen classes", out)

        self.assert_same_run(home / "broken", home / "unbroken")
        self.assert_close_run(home / "unbroken", home / "alone")

    def test_a_process_alone_and_one_with_an_error_end_both_with_messages(self):
        home = pathlib.Path(self.get_temp_dir())
        lonely = [Workers(home / f"lonely{index}", (*_TRAIN, "--worker_timeout=3")) for index in range(2)]
        alone = [workers.start(index) for index, workers in enumerate(lonely)]
        (home / "file").touch()
        refused = Workers(home / "file", _TRAIN)
        chief, worker = (command_line.ended(process) for process in [refused.start(index) for index in range(2)])
        self.assertEqual(chief[0], 1, chief[2])
        self.assertIn(f"error: {home / 'file'} is a file", chief[2])
        self.assertEqual(worker[0], 1, worker[2])
        self.assertRegex(worker[2], _GONE)

        for workers, process in zip(lonely, alone):
            code, _, err = command_line.ended(process)
            self.assertEqual(code, 1, err)
            self.assertIn(
                f"Waiting up to 3 seconds for all processes of TF_CONFIG ({', '.join(workers.addresses)})", err
            )
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
