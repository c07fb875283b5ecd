"""What networks start from: earlier runs, and how runs start."""

import functools
import json
import os
import pathlib
import shutil

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import Interrupted, UserError
from ccp.projection.snapshot import Snapshot
from experiments.presets import preset_settings
from experiments.restored import restore_run
from experiments.run_directory import RunDirectory
from experiments.settings import Settings
from experiments.train import train_run
from models.embedding import build_embedding_model
from models.settings import NetworkSettings
from models.weights.assignment import tensors_of
from models.weights.h5_files import save_weights_h5
from tests.support import tiny_runs
from tests.support.starts import EMBEDDING_SIZE, IMAGE_SIZE, WIDTH, StartWeightsTest, small_settings, started


class EarlierRunTest(StartWeightsTest):
    """Over a run with proxies, whose best weights are saved beside the network's."""

    def setUp(self):
        super().setUp()
        self.earlier = tiny_runs.digits("ccp/contrastive")

    def moved(self, change=None) -> pathlib.Path:
        """A copy of the run elsewhere; ``change`` is given its recorded settings."""
        copy = self.folder / "a [copy]"
        shutil.copytree(self.earlier, copy)
        if change:
            settings = json.loads((copy / "settings.json").read_text())
            change(settings)
            (copy / "settings.json").write_text(json.dumps(settings))
        return copy

    @staticmethod
    @functools.cache
    def best() -> dict[str, np.ndarray]:
        return tensors_of(restore_run(tiny_runs.digits("ccp/contrastive")).experiment.model)

    def test_with_the_same_head(self):
        model, before = started(small_settings(self.earlier, freeze_bn=True))
        best = self.best()
        for name, values in tensors_of(model).items():
            np.testing.assert_array_equal(values, best[name])
            self.assertTrue((values != before[name]).any(), name)

    @parameterized.parameters({"embedding_size": 5}, {"pooling": "max"}, {"pooling": "average_max", "image_size": 32})
    def test_with_another_head(self, **settings):
        with self.assertLogs("ccp", "INFO") as logs:
            model, before = started(small_settings(self.earlier, **settings))
        self.assert_backbone_taken(model, before, self.best())
        self.assertIn("left out: pooling and embedding layer, which differ", logs.output[0])

    def test_without_its_data_and_in_another_place(self):
        def lose_data(settings):
            settings.update(dataset="folder", data_dir=str(self.folder / "gone"))

        model, _ = started(small_settings(self.moved(lose_data)))
        best = self.best()
        for name, values in tensors_of(model).items():
            np.testing.assert_array_equal(values, best[name])

    def test_best_weights_and_not_the_last(self):
        run = RunDirectory(self.folder)
        run.record(preset_settings(dataset="digits", width=WIDTH), "digest")
        last, best = (build_embedding_model(run.load_settings().network, channels=1, seed=seed) for seed in (1, 2))
        of_loss = tf.Variable([1.0])
        saved = tf.train.Checkpoint(
            model=last,
            problem_best=Snapshot([*last.weights, of_loss]),
            overall_best=Snapshot([*best.weights, of_loss]),
        )
        saved.save(str(run.checkpoints / "ckpt"))
        model, _ = started(small_settings(run.path, embedding_size=16))
        for now, then in zip(model.get_weights(), best.get_weights()):
            np.testing.assert_array_equal(now, then)

    def test_of_another_backbone(self):
        config = NetworkSettings(backbone="resnet20", weights=self.earlier, image_size=8)
        self.assert_refused_unchanged(config, "trained conv4, and this run has resnet20")

    def test_of_another_width(self):
        self.assert_refused_unchanged(small_settings(self.earlier, width=6), "21 of another shape")

    def test_of_grey_images_for_colour(self):
        self.assert_refused_unchanged(
            small_settings(self.earlier),
            r"a weight has shape \(3, 3, 1, 4\) there and \(3, 3, 3, 4\) here. Grey and colour .* for conv4",
            channels=3,
        )

    def test_without_checkpoint(self):
        run = RunDirectory(self.folder)
        run.record(Settings(), "digest")
        self.assert_refused_unchanged(small_settings(self.folder), "has no checkpoint yet")

    def test_a_directory_that_is_none(self):
        self.assert_refused_unchanged(small_settings(self.folder), "holds no run")

    @parameterized.parameters(("checkpoint", 0), ("*.index", 64), ("*.data-*", 64))
    def test_a_damaged_checkpoint(self, files, kept_bytes):
        copy = self.moved()
        for file in (copy / "checkpoints").glob(files):
            os.truncate(file, kept_bytes)
        self.assert_refused_unchanged(small_settings(copy), r"last checkpoint of .*copy\] cannot be read")


class RunTest(StartWeightsTest):
    def settings(self, **settings) -> Settings:
        small = {"width": WIDTH, "image_size": IMAGE_SIZE, "embedding_size": EMBEDDING_SIZE}
        steps = {"classes_per_batch": 3, "examples_per_class": 2, "steps_per_epoch": 2, "max_epochs": 1}
        return preset_settings(**{"dataset": "digits", "loss": "contrastive", **small, **steps, **settings})

    def test_starts_from_a_file_which_may_then_be_gone(self):
        path, run = self.folder / "start.h5", str(self.folder / "run")
        settings = self.settings(weights=str(path))
        other = build_embedding_model(small_settings("", embedding_size=5), channels=1, seed=1)
        save_weights_h5(other, str(path))
        with self.assertRaises(Interrupted):
            tiny_runs.train_quickly(settings, run, should_stop=tiny_runs.StopsAtOnce())
        path.unlink()
        # The best weights overall are those of the start until an epoch has ended.
        start, before = (
            restore_run(run).experiment.model,
            build_embedding_model(small_settings(""), channels=1, seed=0),
        )
        self.assert_backbone_taken(start, tensors_of(before), tensors_of(other))
        self.assertEqual(tiny_runs.train_quickly(settings, run)["epochs"], 1)

    @parameterized.parameters(
        ({"weights": "none.h5"}, "There is no file of weights at .*none.h5"),
        (
            {"loss": "hpl/proxy_anchor", "coarse_classes": 6},
            "coarse_classes must be from 2 to the 5 training classes",
        ),
    )
    def test_what_is_refused_leaves_nothing_behind(self, settings, message):
        with self.assertRaisesRegex(UserError, message):
            train_run(self.settings(**settings), self.folder / "run", "refused")
        self.assertFalse((self.folder / "run").exists())
