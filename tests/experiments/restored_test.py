"""A restored run, and its evaluation: computed once, when the run ends."""

from __future__ import annotations

import csv
import json
import pathlib
import shutil
from unittest import mock

import numpy as np
import tensorflow as tf

from ccp.errors import ConfigError
from experiments.evaluation import write_evaluation
from experiments.experiment import Experiment
from experiments.mislabelled import find_suspects
from experiments.restored import restore_run
from experiments.run_directory import RunError
from tests.support import tiny_runs


class RestoredRunTest(tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.run_dir = tiny_runs.digits("ccp/contrastive")
        cls.restored = restore_run(cls.run_dir)

    def copy(self) -> pathlib.Path:
        copy = pathlib.Path(self.get_temp_dir()) / "copy"
        shutil.copytree(self.run_dir, copy)
        self.addCleanup(shutil.rmtree, copy)
        return copy

    def test_a_finished_run_is_not_evaluated_again(self):
        with mock.patch.object(Experiment, "embed", side_effect=AssertionError):
            embedded = self.restored.embed()
        self.assertEqual(self.restored.progress, {"epochs": 2, "best_epoch": 2, "finished": True})
        # The network has the weights that these embeddings are by.
        np.testing.assert_array_equal(self.restored.experiment.embed(embedded.examples).embeddings, embedded.embeddings)

    def test_mislabelled_images_are_looked_for_among_the_training_images(self):
        found = find_suspects(self.restored, 75.0)
        self.assertLen(found.training, len(self.restored.experiment.splits.train))
        self.assertEqual(found.centers.num_nearest.shape, self.restored.proxies.shape[:2])
        np.testing.assert_array_equal(self.restored.proxies, self.restored.trainer.loss.proxies.points.numpy())

    def test_an_unfinished_run_is_evaluated_as_it_is(self):
        copy = self.copy()
        (copy / "result.json").unlink()
        (copy / "test_embeddings.npz").unlink()
        np.testing.assert_array_equal(restore_run(copy).embed().embeddings, self.restored.embed().embeddings)
        shutil.rmtree(copy / "checkpoints")
        with self.assertRaisesRegex(RunError, "has no checkpoint yet; resume it with main.py train"):
            restore_run(copy)

    def test_the_evaluation_agrees_with_the_result(self):
        result = json.loads((pathlib.Path(self.run_dir) / "result.json").read_text())
        record, (json_file, csv_file, roc) = write_evaluation(self.restored, "test", ["precision_at_5", "map_at_r"])
        self.assertEqual(json.loads(json_file.read_text()), json.loads(json.dumps(record)))
        shared = {name: record["scores"][name] for name in result["test"]}
        self.assertAllClose(shared, result["test"], rtol=1e-12)
        self.assertBetween(record["scores"]["precision_at_5"], 0.2, 1.0)
        images = result["data"]["test"]["images"]
        verification = record["verification"]
        self.assertEqual(verification["genuine_pairs"] + verification["impostor_pairs"], images * (images - 1) // 2)
        self.assertRegex(verification["summary"][0], r"^FNMR at FMR 0\.1: \d")
        self.assertIn("no intervals: 5 classes", verification["summary"][-1])
        self.assertTrue(roc.exists())
        self.assertEqual(set(record["per_class"]), set("56789"))
        with open(csv_file) as file:
            queries = list(csv.DictReader(file))
        self.assertLen(queries, result["data"]["test"]["images"])
        mean = np.mean([float(query["map_at_r"]) for query in queries])
        self.assertAlmostEqual(mean, result["test"]["map_at_r"], places=5)

    def test_a_data_set_without_a_directory_has_not_moved(self):
        with self.assertRaisesRegex(ConfigError, "--data_dir has no effect on a run with digits; leave it out"):
            restore_run(self.run_dir, data_dir="elsewhere")


if __name__ == "__main__":
    tf.test.main()
