"""A finished run that is extended."""

from __future__ import annotations

import pathlib

import tensorflow as tf

from datasets.files import read_json
from experiments.run_directory import RunDirectory
from tests.support import tiny_runs
from tests.support.toy_training import assert_same_tensors, saved_tensors


class ExtendedRunTest(tf.test.TestCase):
    def test_equals_a_run_that_was_long_from_the_start(self):
        # Projects after every epoch but the last: the shorter run's last epoch is not the longer one's.
        whole = RunDirectory(tiny_runs.digits("ccp/contrastive"))
        run = RunDirectory(pathlib.Path(self.get_temp_dir()) / "run")
        settings = whole.load_settings()
        short = tiny_runs.train_quickly(settings.replaced(max_epochs=1), run.path)
        self.assertEqual((short["epochs"], short["projections"]), (1, 0))
        self.assertIn("no projection happened", short["no_projection"])
        tiny_runs.train_quickly(settings, run.path)
        assert_same_tensors(saved_tensors(str(run.checkpoints)), saved_tensors(str(whole.checkpoints)))
        self.assertEqual(read_json(run.result), read_json(whole.result))
        self.assertEqual(read_json(run.path / "result_after_1_epochs.json"), short)
        self.assertEqual(run.records(), whole.records())
        self.assertEqual(run.load_settings(), settings)
        self.assertLen(list(run.projections.iterdir()), 2)


if __name__ == "__main__":
    tf.test.main()
