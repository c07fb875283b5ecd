"""Scores before training: what they are of, that they are computed once, and that training is the same with them."""

from __future__ import annotations

import pathlib
import shutil
from unittest import mock

import numpy as np
import tensorflow as tf

from ccp.errors import Interrupted
from datasets.files import read_json
from evaluate.metrics.retrieval import evaluate_by_role
from experiments.before_training import POOLED, UNTRAINED, WITH_EMBEDDING_LAYER, score_start
from experiments.experiment import Experiment
from experiments.run_directory import RunDirectory
from tests.support import tiny_runs
from tests.support.toy_training import assert_same_tensors, saved_tensors


class BeforeTrainingTest(tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.whole = RunDirectory(tiny_runs.digits("ccp/contrastive"))
        cls.settings = cls.whole.load_settings()

    def test_random_weights(self):
        experiment = Experiment(self.settings)
        scores = score_start(experiment)
        splits = experiment.splits
        expected = {name: experiment.embed(getattr(splits, name)).result.means for name in ("validation", "test")}
        self.assertEqual(scores, {UNTRAINED: expected})
        self.assertEqual(read_json(self.whole.result)["before_training"], scores)

    def test_pretrained_weights_without_and_with_the_embedding_layer(self):
        experiment = Experiment(self.settings.replaced(weights=str(self.whole.path)))
        experiment.load_start_weights()
        scores = score_start(experiment)
        self.assertEqual(list(scores), [POOLED, WITH_EMBEDDING_LAYER])
        # The embedding layer of a run with the same settings is taken along: these are that run's scores.
        result = read_json(self.whole.result)
        self.assertAllClose(scores[WITH_EMBEDDING_LAYER]["test"], result["test"])
        test = experiment.splits.test
        pixels = tf.image.resize(tf.constant(test.images.pixels, tf.float32), [16, 16]).numpy()
        features = tf.keras.Model(experiment.model.input, experiment.model.get_layer("pooling").output)(pixels).numpy()
        features /= np.linalg.norm(features, axis=1, keepdims=True)
        expected = evaluate_by_role(features, test.labels, test.roles).means
        self.assertAllClose(scores[POOLED]["test"], expected)

    def test_images_that_select_and_test_are_embedded_once(self):
        experiment = Experiment(self.settings.replaced(select_on_test=True, validation="test"))
        with mock.patch.object(experiment, "embed", side_effect=experiment.embed) as embed:
            scores = score_start(experiment)
        self.assertEqual(embed.call_count, 1)
        self.assertEqual(scores[UNTRAINED]["validation"], scores[UNTRAINED]["test"])

    def run_again(self, run: RunDirectory) -> int:
        """Trains, and returns how often the start was scored: with another score, and without touching the network."""
        with mock.patch("experiments.train.score_start", return_value={"another": {}}) as scored:
            tiny_runs.train_quickly(self.settings, run.path)
        return scored.call_count

    def test_a_resumed_run_keeps_its_scores_and_they_do_not_change_the_training(self):
        run = RunDirectory(pathlib.Path(self.get_temp_dir()) / "run")
        with self.assertRaises(Interrupted):
            tiny_runs.train_quickly(self.settings, run.path, should_stop=tiny_runs.StopsAtOnce())
        before = run.before_training.read_bytes()
        self.assertEqual(self.run_again(run), 0)
        self.assertEqual(run.before_training.read_bytes(), before)
        self.assertEqual(read_json(run.result), read_json(self.whole.result))
        # A run of an earlier version has none, and is not scored after it was trained.
        run.before_training.unlink()
        self.assertEqual(self.run_again(run), 0)
        self.assertEqual(read_json(run.result)["before_training"], {})
        # What was trained anew, from other data, is scored anew.
        shutil.rmtree(run.checkpoints)
        run.before_training.write_bytes(before)
        self.assertEqual(self.run_again(run), 1)
        self.assertEqual(read_json(run.before_training), {"another": {}})
        # And without the network's being scored, the training is the same.
        assert_same_tensors(saved_tensors(str(run.checkpoints)), saved_tensors(str(self.whole.checkpoints)))


if __name__ == "__main__":
    tf.test.main()
