"""What both sides of the peers' comparison train from, how they take turns, and the tables of their results."""

from __future__ import annotations

import contextlib
import io
import pathlib
from unittest import mock

import numpy as np
import tensorflow as tf

from benchmarks.peers import table
from benchmarks.peers.exchange import write_exchange
from benchmarks.peers.losses import LOSSES, RESULTS
from benchmarks.peers.training import train
from benchmarks.peers.turns import WARM_UP, serve
from datasets.files import read_json
from experiments.experiment import Experiment
from experiments.presets import preset_settings


def _result(seed: int, map_at_r: float, other: float) -> dict:
    scores = {"ccp": map_at_r, "pml": other}
    of_sides = {side: {"precision_at_1": 0.5, "r_precision": 0.4, "map_at_r": score} for side, score in scores.items()}
    by_pml = {side: {**of_sides[side], "r_precision": 0.4 + 1e-6} for side in of_sides}
    first = {"ccp": [2.0, 1.01], "pml": [2.0, 1.0]}
    return {"loss": "triplet", "seed": seed, "first_losses": first, "scores": of_sides, "scores_by_pml": by_pml}


class ExchangeTest(tf.test.TestCase):
    def test_both_sides_get_the_start_and_the_batches_of_a_training(self):
        given = {
            "dataset": "digits",
            "loss": "proxy_anchor",
            "seed": 3,
            "width": 4,
            "steps_per_epoch": 2,
            "max_epochs": 2,
        }
        experiment = Experiment(preset_settings(**given))
        own = write_exchange(experiment, pathlib.Path(self.get_temp_dir()))
        self.assertEqual(own.parts[-2:], ("seed3", "proxy_anchor"))
        weights = np.load(own / "weights.npz")
        self.assertAllEqual(weights["embedding/kernel"], experiment.model.get_layer("embedding").kernel)
        self.assertEqual(weights["proxies"].shape, (5, 16))
        self.assertAllEqual(weights["proxies"], experiment.loss.proxies.points[:, 0])
        written, gradients = read_json(own / "settings.json"), experiment.settings.gradients
        for name in ("weight_decay", "clip_norm", "clip_value"):
            self.assertEqual(written[name], getattr(gradients, name))
        self.assertEqual(written["learning_rate"], experiment.settings.optimizer.learning_rate)
        labels = np.load(own.parent / "labels.npy")
        self.assertEqual(labels.shape, (4, 30))
        for step, (images, expected) in zip(range(4), experiment._batches(0, 0)):
            self.assertAllEqual(np.load(own.parent / "batches.npy")[step], images)
            self.assertAllEqual(labels[step], expected)
        losses = train(experiment, own.parent)
        self.assertLen(losses, 4)
        self.assertNotAllClose(weights["embedding/kernel"], experiment.model.get_layer("embedding").kernel)


class TurnsTest(tf.test.TestCase):
    def test_steps_are_made_when_asked_for(self):
        made, out = [], io.StringIO()
        with mock.patch("sys.stdin", io.StringIO("2\n3\n")), contextlib.redirect_stdout(out):
            serve(made.append)
        self.assertEqual(made, [*range(WARM_UP), 0, 1, 0, 1, 2])
        ready, *seconds = out.getvalue().split()
        self.assertEqual(ready, "ready")
        self.assertLen([float(value) for value in seconds], 2)


class TableTest(tf.test.TestCase):
    def test_scores(self):
        text = table.score_table([_result(0, 0.30, 0.28), _result(1, 0.32, 0.32)])
        # 31 ± sqrt(2), 30 ± sqrt(8), and the differences 2 and 0: 1 ± sqrt(2).
        self.assertIn("| triplet | here | 2 | 50.00 ± 0.00 | 40.00 ± 0.00 | 31.00 ± 1.41 | 1.00 ± 1.41 |", text)
        self.assertIn("| triplet | PyTorch Metric Learning | 2 | 50.00 ± 0.00 | 40.00 ± 0.00 | 30.00 ± 2.83 |  |", text)

    def test_agreement(self):
        text = table.agreement([_result(0, 0.3, 0.3)])
        self.assertIn("triplet: loss at step 1 within 0e+00, at step 2 1e-02", text)
        self.assertIn("within 1e-06", text)

    def test_speed(self):
        # Ratios 2, 4 and 3; medians 200 and 100.
        text = table.speed_table({"triplet": {"ccp": [200.0, 400.0, 180.0], "pml": [100.0, 100.0, 60.0]}})
        self.assertIn("| triplet | 200 | 100 | 3.00 | 2.50 to 3.50 |", text)

    def test_kept_results_start_from_the_same_loss(self):
        results = [read_json(path) for path in RESULTS.glob("*-seed*.json")]
        self.assertEqual({result["loss"] for result in results}, set(LOSSES))
        for result in results:
            self.assertAllClose(result["first_losses"]["ccp"][0], result["first_losses"]["pml"][0], rtol=1e-5)


if __name__ == "__main__":
    tf.test.main()
