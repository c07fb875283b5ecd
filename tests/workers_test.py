"""Two real processes that train together on this machine: killed, started again, stopped, and with errors."""

from __future__ import annotations

import json
import os
import pathlib
import signal

import numpy as np
import pytest
import tensorflow as tf

from tests.support import command_line, photographs
from tests.support.toy_training import assert_same_tensors, saved_tensors
from tests.support.worker_processes import Workers

EPOCHS = 7
_TRAIN = (
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
_PATIENCE, _SILENCE = "ccp.distribution.waiting.PATIENCE_SECONDS", "ccp.distribution.waiting.SILENT_SECONDS"


@pytest.mark.slow
class TwoWorkersTest(tf.test.TestCase):
    def test_killed_workers_and_stopped_ones_go_on_to_the_unbroken_run_s_result(self):
        home = pathlib.Path(self.get_temp_dir())
        alone = command_line.Forked("train", *_TRAIN, f"--run_dir={home / 'alone'}")  # Meanwhile.
        unbroken = Workers(home / "unbroken", _TRAIN)
        for index, (code, out, err) in enumerate(unbroken.ended()):
            self.assertEqual(code, 0, err)
            self.assertEqual("unseen classes" in out, index == 0, out)  # The chief alone reports.

        broken = Workers(home / "broken", _TRAIN)
        broken.wait_for(1)
        os.kill(broken.processes[1].pid, signal.SIGTERM)
        for code, _, err in broken.ended():
            self.assertEqual(code, 128 + signal.SIGTERM, err)
            self.assertIn("The same command goes on from there.", err)
        broken.processes = [broken.start(index) for index in range(2)]
        for index in (1, 0):
            broken.wait_for(broken.lines() + 1)
            broken.kill_and_start(index)
        for index, (code, _, err) in enumerate(broken.ended()):
            self.assertEqual(code, 0, err)
            self.assertEqual("Starting again" in err, index == 1, err)  # The chief was killed after it had.
        # The chief was killed as it showed the result, and the second one had left: it waits for none.
        code, out, err = command_line.ended(broken.start(0))
        self.assertEqual(code, 0, err)
        self.assertIn("unseen classes", out)

        code, _, err = command_line.ended(alone)
        self.assertEqual(code, 0, err)
        self.assert_same_run(home / "broken", home / "unbroken")
        self.assert_close_run(home / "unbroken", home / "alone")

    def test_processes_that_cannot_train_together_find_out(self):
        home = pathlib.Path(self.get_temp_dir())
        # All at once, in pairs and alone.
        other_settings = Workers(home / "settings", _TRAIN, ("--seed=4", "--learning_rate=0.5"))
        (home / "copy").mkdir()
        (home / "copy" / "lock").write_text("of an earlier start")
        visible = {"experiments.workers.VISIBLE_WITHIN_SECONDS": 1.0}
        apart = Workers(home / "first", _TRAIN, (f"--run_dir={home / 'copy'}",), constants=visible)
        alone = {_PATIENCE: 3.0, _SILENCE: 0.5}
        lonely = [Workers(home / "lonely", _TRAIN, indices=[index], constants=alone) for index in range(2)]

        for code, _, err in other_settings.ended():
            self.assertEqual(code, 2, err)
            self.assertIn("seed is 3 in process 1 and 4 in process 2", err)
            self.assertIn("learning_rate is ", err)
        self.assertFalse((home / "settings").exists())

        first, second = apart.ended()
        self.assertEqual((first[0], second[0]), (2, 2), first[2] + second[2])
        for _, _, err in (first, second):
            self.assertIn(f"{home / 'copy'} is not the directory that process 1 writes to.", err)
        self.assertIn("error: Process 2 cannot go on:", first[2])
        self.assertFalse((home / "first" / "checkpoints").exists())

        for index, workers in enumerate(lonely):
            code, _, err = workers.ended()[0]
            self.assertEqual(code, 1, err)
            missing = f"process {2 - index} at {workers.hosts[1 - index]}"
            self.assertIn(f"Waiting for {missing}, up to ", err)
            self.assertRegex(err, f"error: Waited .* in vain for {missing}")
        self.assertIn("Connection refused", err)

    def test_the_error_of_one_ends_both_with_its_words(self):
        home = pathlib.Path(self.get_temp_dir())
        for name in ("images", "damaged"):
            photographs.write(home / name, num_classes=8, per_class=6)
        # Of the first epoch's validation, the second process's share.
        photographs.truncate(home / "damaged", ["3/5.jpg"])
        small = ("--loss=contrastive", "--image_size=16", "--width=4", "--embedding_size=4", "--steps_per_epoch=2")
        folder = ("--dataset=folder", f"--data_dir={home / 'images'}", "--classes_per_batch=3")
        bad_image = Workers(home / "run", (*folder, *small), [f"--data_dir={home / 'damaged'}"])
        full_disk = Workers(home / "digits", ("--dataset=digits", *small, "--max_epochs=1000", "--early_stopping=1000"))
        full_disk.wait_for(1)
        # What a directory cannot be made in.
        (home / "digits" / "checkpoints").rename(home / "digits" / "saved")
        (home / "digits" / "checkpoints").touch()

        for workers, failing, words in (
            (bad_image, 1, r"Validation after step 2 of epoch 1 \(step 2 overall\): .*3/5\.jpg cannot be read"),
            (full_disk, 0, r"A checkpoint could not be written to .*digits/checkpoints"),
        ):
            ended = workers.ended()
            for index, (code, _, err) in enumerate(ended):
                whose = "" if index == failing else f"Process {failing + 1} cannot go on: "
                self.assertEqual(code, 1, err)
                self.assertRegex(err, f"error: {whose}{words}")
                self.assertNotIn("Starting again", err)
        self.assertNotEmpty(list((home / "run" / "checkpoints").glob("*.index")))

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
