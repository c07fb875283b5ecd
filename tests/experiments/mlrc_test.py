"""The 4-fold protocol: which models it trains, and resuming it. Training itself is replaced."""

from __future__ import annotations

import json
import pathlib
import tempfile
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import absltest

import experiments.mlrc
from ccp.errors import ConfigError, UserError
from experiments.mlrc import run_mlrc
from experiments.mlrc_directory import MlrcDirectory
from experiments.run_directory import RunDirectory, RunError
from experiments.settings import configure
from tests.support import photographs, pictures, tiny_runs
from tests.support.tiny_runs import ONE_STEP

REPEATS = 2


def pretend_training(settings, run_dir, title, should_stop):
    """Leaves behind what ``train_run`` does, with embeddings that follow from fold and seed."""
    fold = int(settings.data.validation[-1])
    run = RunDirectory(run_dir)
    with run.claimed(settings, "digest"):
        run.record(settings, "digest")
        (run.checkpoints).mkdir(exist_ok=True)
        (run.checkpoints / "ckpt-2.index").touch()
        embeddings = np.random.default_rng([fold, settings.run.seed]).normal(size=(32, 3)).astype(np.float32)
        score = 0.1 * fold + 0.01 * settings.run.seed
        result = {
            "seed": settings.run.seed,
            "best_epoch": 1,
            "settings": {"preset": "small, from scratch", "overridden": {}},
            "data": {"test": {"images": 32, "classes": 8}, "unreadable_images_left_out": fold},
            "protocol": {"model_selection": "one model's"},
            "test": {"precision_at_1": score, "r_precision": score, "map_at_r": score},
        }
        run.finish(embeddings, np.arange(32), result)


class MlrcTest(absltest.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.images = pathlib.Path(tempfile.mkdtemp()) / "images"
        cls.addClassCleanup(tf.io.gfile.rmtree, str(cls.images.parent))
        photographs.write(cls.images, num_classes=16, per_class=4)

    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self) / "mlrc"
        self.settings = configure(ONE_STEP, {"data_dir": str(self.images)})
        self.train = self.enter_context(mock.patch.object(experiments.mlrc, "train_run", side_effect=pretend_training))
        # What is recorded as the data's digest is the data's in a real training.
        self.enter_context(mock.patch.object(RunDirectory, "check_data"))

    def run_protocol(self, **changes):
        return run_mlrc(self.settings.replaced(**changes), str(self.home), REPEATS)

    def test_every_fold_and_repeat_is_a_run(self):
        result = self.run_protocol()
        trained = [(c.args[0].data.validation, c.args[0].run.seed, c.args[1].name) for c in self.train.call_args_list]
        expected = [
            (f"fold{fold}", ONE_STEP["seed"] + repeat, f"fold{fold}-repeat{repeat}")
            for repeat in range(REPEATS)
            for fold in (1, 2, 3, 4)
        ]
        self.assertEqual(trained, expected)
        written = json.loads(MlrcDirectory(self.home).result.read_text())
        self.assertEqual(written, json.loads(json.dumps(result)))
        self.assertIn("one quarter of the training classes", written["protocol"]["model_selection"])
        self.assertEqual(written["data"]["unreadable_images_left_out"], 4)
        self.assertEqual([written[name]["embedding_size"] for name in ("separated", "concatenated")], [3, 12])

    def test_only_what_is_not_finished_is_trained(self):
        result = self.run_protocol()
        (self.home / "fold3-repeat1" / "result.json").unlink()
        self.train.reset_mock()
        self.assertEqual(self.run_protocol(), result)
        self.assertEqual([call.args[1].name for call in self.train.call_args_list], ["fold3-repeat1"])

    def test_other_settings_are_refused(self):
        self.run_protocol()
        with self.assertRaisesRegex(RunError, "learning_rate is 0.01 there and 0.001 here"):
            self.run_protocol(learning_rate=1e-3)

    def test_too_few_classes_are_refused_before_any_fold_is_trained(self):
        few = pictures.folder_for(self)
        photographs.write(few, num_classes=14, per_class=2)  # Of 7 training classes fold 4 holds out one.
        with self.assertRaisesRegex(UserError, "Fold 4 of 7 classes holds out 1: .* Four folds need at least 8"):
            self.run_protocol(data_dir=str(few))
        self.assertFalse(self.home.exists())
        self.train.assert_not_called()


class SelectOnTestTest(tf.test.TestCase):
    def test_is_refused_unless_asked_for(self):
        with self.assertRaisesRegex(ConfigError, "makes them optimistic.*--select_on_test"):
            configure(ONE_STEP, {"validation": "test"})

    def test_the_result_says_so(self):
        home = pathlib.Path(self.get_temp_dir())
        photographs.write(home / "images", num_classes=16, per_class=4)
        # With CCP, whose proxies need the fold's labels renumbered.
        ccp = {"loss": "ccp/contrastive", "proxies_per_class": 2, "pool_size": 3}
        data = {"data_dir": str(home / "images"), "select_on_test": True, "validation": "fold2"}
        settings = configure(ONE_STEP, {**ccp, **data})
        result = tiny_runs.train_quickly(settings, home / "run")
        self.assertIn("the test set itself, as --select_on_test asks", result["protocol"]["model_selection"])
        # Trained on the fold's classes; one epoch: the selecting scores are the final ones, of the same images.
        self.assertEqual(result["data"]["train"]["classes"], 6)
        self.assertAllClose(RunDirectory(home / "run").records()[-1]["map_at_r"], result["test"]["map_at_r"])


if __name__ == "__main__":
    absltest.main()
