"""Scores before training: what they are of, that they are computed once, and that training is the same with them."""

from __future__ import annotations

import os
import pathlib
import shutil
from unittest import mock

import numpy as np
import tensorflow as tf

from ccp.errors import Interrupted
from datasets.files import read_json, save_json
from evaluate.metrics.retrieval import evaluate_by_role
from experiments.before_training import POOLED, UNTRAINED, WITH_EMBEDDING_LAYER, score_start
from experiments.experiment import Experiment
from experiments.run_directory import RunDirectory
from experiments.stopping import StopRequest
from experiments.train import train_run
from tests.support import tiny_runs
from tests.support.toy_training import assert_same_tensors, saved_tensors


class _AfterOneStep(StopRequest):
    def __call__(self):
        return True


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

    def run_again(self, run_dir: os.PathLike, **more) -> int:
        """Trains, and returns how often the start was scored."""
        with mock.patch("experiments.train.score_start", side_effect=score_start) as scored:
            tiny_runs.train_quickly(self.settings, run_dir, **more)
        return scored.call_count

    def test_a_resumed_run_keeps_its_scores(self):
        run = RunDirectory(pathlib.Path(self.get_temp_dir()) / "run")
        with self.assertRaises(Interrupted), mock.patch("experiments.train.TensorBoard", tiny_runs.no_board):
            train_run(self.settings, run.path, "a test", _AfterOneStep())
        before = run.before_training.read_bytes()
        self.assertEqual(self.run_again(run.path), 0)
        self.assertEqual(run.before_training.read_bytes(), before)
        self.assertEqual(read_json(run.result), read_json(self.whole.result))
        # A run of an earlier version has none, and is not scored after it was trained.
        run.before_training.unlink()
        self.assertEqual(self.run_again(run.path), 0)
        self.assertEqual(read_json(run.result)["before_training"], {})
        # What was trained anew, from other data, is scored anew.
        shutil.rmtree(run.checkpoints)
        save_json(run.before_training, {"of": "another start"})
        self.assertEqual(self.run_again(run.path), 1)
        self.assertEqual(run.before_training.read_bytes(), before)

    def test_training_is_the_same_without_them(self):
        unscored = RunDirectory(pathlib.Path(self.get_temp_dir()) / "unscored")
        with mock.patch("experiments.train.score_start", return_value={}):
            tiny_runs.train_quickly(self.settings, unscored.path)
        assert_same_tensors(saved_tensors(str(unscored.checkpoints)), saved_tensors(str(self.whole.checkpoints)))


if __name__ == "__main__":
    tf.test.main()
