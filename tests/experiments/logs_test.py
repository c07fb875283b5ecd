"""Metrics in a CSV file, in Weights & Biases and in MLflow; the latter two where they are installed, offline."""

from __future__ import annotations

import csv
import importlib.util
import os
import pathlib
import unittest
from unittest import mock

import tensorflow as tf

from ccp.errors import ConfigError, UserError
from experiments.logs import CsvLog, check_logs, opened_logs
from experiments.presets import preset_settings
from experiments.run_directory import RunDirectory
from experiments.sections import RunSettings
from tests.support import made_up_run, pictures

SETTINGS = preset_settings(dataset="digits", loss="contrastive")
EPOCHS = made_up_run.epochs(3)


def _model() -> tf.keras.Model:
    model = tf.keras.Sequential([tf.keras.Input([2]), tf.keras.layers.Dense(1)])
    model.optimizer = tf.keras.optimizers.Adam(1e-3)
    return model


def _train(run: RunDirectory, names: list[str], first: int, last: int) -> None:
    """Epochs ``first`` … ``last - 1`` as a training would log them, and the test scores."""
    with opened_logs(names, run, SETTINGS) as logs:
        for log in logs:
            log.callback.set_params({"steps": 5})
            log.callback.set_model(_model())
            log.callback.on_train_begin({})
            for epoch in range(first, last):
                log.callback.on_epoch_begin(epoch, {})
                log.callback.on_epoch_end(epoch, dict(EPOCHS[epoch]))
            log.callback.on_train_end({})
            log.keep({"map_at_r": 0.25})


class LogsTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.run_directory = RunDirectory(pictures.folder_for(self))

    def test_names(self):
        self.assertEqual(RunSettings(log="csv, wandb").logs, ["csv", "wandb"])
        self.assertEqual(RunSettings(log="").logs, [])
        with self.assertRaisesRegex(ConfigError, "Unknown log 'wandbb'. Did you mean wandb"):
            RunSettings(log="csv,wandbb")

    def test_missing_package_is_named(self):
        with mock.patch.object(importlib.util, "find_spec", lambda name: None):
            check_logs(["tensorboard", "csv"])
            with self.assertRaisesRegex(ConfigError, "--log=mlflow needs the package mlflow.*requirements/mlflow.txt"):
                check_logs(["csv", "mlflow"])

    def test_csv_has_the_lines_of_before_a_run_was_resumed(self):
        run = self.run_directory
        _train(run, ["csv"], 0, 1)  # One that was killed before metrics.jsonl had its line, so it is repeated.
        for epoch in range(2):
            run.append({"epoch": epoch + 1, **EPOCHS[epoch]})
        _train(run, ["csv", "tensorboard"], 2, 3)
        with open(run.csv) as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([row["epoch"] for row in rows], ["0", "1", "2"])
        self.assertSameElements(rows[0], ["epoch", *EPOCHS[0]])
        self.assertAllClose([float(row["map_at_r"]) for row in rows], [epoch["map_at_r"] for epoch in EPOCHS])
        self.assertIsInstance(CsvLog(run), tf.keras.callbacks.CSVLogger)

    @unittest.skipUnless(importlib.util.find_spec("wandb"), "wandb is an extra")
    def test_wandb_offline(self):
        with mock.patch.dict(os.environ, WANDB_MODE="offline", WANDB_SILENT="true"):
            _train(self.run_directory, ["wandb"], 0, 2)
            identity = self.run_directory.log_ids.read_text()
            _train(self.run_directory, ["wandb"], 2, 3)
        self.assertEqual(self.run_directory.log_ids.read_text(), identity)
        files = sorted(pathlib.Path(self.run_directory.path).glob("wandb/offline-run-*/run-*.wandb"))
        self.assertLen(files, 2)
        contents = b"".join(file.read_bytes() for file in files)
        for text in (b"epoch/map_at_r", b"test/map_at_r", b"neg_margin"):
            self.assertIn(text, contents)

    @unittest.skipUnless(importlib.util.find_spec("mlflow"), "mlflow is an extra")
    def test_mlflow_in_files(self):
        import mlflow

        mlflow.set_tracking_uri(f"file:{self.run_directory.path}/mlruns")
        with (
            self.assertRaisesRegex(UserError, "--log=mlflow: .*"),
            mock.patch.object(mlflow, "start_run", side_effect=mlflow.MlflowException("No such server.\nTraceback")),
        ):
            _train(self.run_directory, ["mlflow"], 0, 1)
        with mock.patch.dict(os.environ, MLFLOW_ALLOW_FILE_STORE="true"):  # Later versions ask for it.
            _train(self.run_directory, ["mlflow"], 0, 2)
            _train(self.run_directory, ["mlflow"], 2, 3)
        client = mlflow.MlflowClient()
        (found,) = client.search_runs([client.get_experiment_by_name("ccp").experiment_id])
        history = client.get_metric_history(found.info.run_id, "map_at_r")
        self.assertAllClose([point.value for point in history], [epoch["map_at_r"] for epoch in EPOCHS])
        self.assertAllClose(found.data.metrics["test/map_at_r"], 0.25)
        self.assertEqual(found.data.params["dataset"], "digits")


if __name__ == "__main__":
    tf.test.main()
