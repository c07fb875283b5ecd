"""Smaller forms of a run's network, judged on its test images."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import pathlib

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import main
from ccp.errors import ConfigError, UserError
from datasets.pipelines import EvaluationImages
from evaluate.embedding import judged
from evaluate.quantized import RESULT_FILE, quantize
from evaluate.restored import restored_experiment
from models.export import load_exported, read_info
from models.tflite import LiteNetwork
from tests.datasets import pictures
from tests.evaluate import tiny_runs


@functools.cache
def _run() -> tuple[pathlib.Path, str]:
    """What main.py quantize has written and printed, of two kinds."""
    output, out = tiny_runs.home() / "smaller", io.StringIO()
    with contextlib.redirect_stdout(out):
        code = main.main(
            [
                "quantize",
                f"--run_dir={tiny_runs.digits('ccp/contrastive')}",
                f"--output={output}",
                "--kinds=float16,tflite_float16",
            ]
        )
    assert code == 0
    return output, out.getvalue()


class QuantizeTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.output, self.out = _run()
        self.record = json.loads((self.output / RESULT_FILE).read_text())

    def test_what_is_written(self):
        found = {path.name for path in self.output.iterdir()}
        self.assertEqual(found, {"float16", "tflite_float16.tflite", RESULT_FILE})
        self.assertEqual(set(self.record["forms"]), {"float32", "float16", "tflite_float16"})
        for name in found:
            self.assertIn(f"written:  {self.output / name}\n", self.out)

    def test_scores_are_those_of_the_file(self):
        experiment, _ = restored_experiment(tiny_runs.digits("ccp/contrastive"))
        test, form = experiment.splits.test, self.record["forms"]["tflite_float16"]
        network = LiteNetwork(str(self.output / "tflite_float16.tflite"))
        batches = [(i, network(batch.numpy())) for i, batch in EvaluationImages(test, experiment.format)]
        kept, embeddings = (np.concatenate(parts) for parts in zip(*batches))
        scores = judged(embeddings, kept, test)
        for metric, value in scores.items():
            self.assertAlmostEqual(form[metric], value, places=6)
        full, _ = experiment.embed(test)
        before = judged(full, kept, test)
        self.assertAlmostEqual(form["map_at_r_lost"], before["map_at_r"] - scores["map_at_r"], places=6)
        self.assertAlmostEqual(form["largest_move"], np.linalg.norm(embeddings - full, axis=1).max(), places=5)
        self.assertGreater(form["largest_move"], 1e-6)
        self.assertAlmostEqual(self.record["forms"]["float32"]["map_at_r"], before["map_at_r"], places=6)
        self.assertEqual(self.record["forms"]["float32"]["map_at_r_lost"], 0.0)

    def test_the_float16_model_is_served_as_it_was_judged(self):
        info, form = read_info(str(self.output / "float16")), self.record["forms"]["float16"]
        self.assertEqual(info["weights"], "float16")
        self.assertEqual(info["test"]["map_at_r"], form["map_at_r"])
        experiment, _ = restored_experiment(tiny_runs.digits("ccp/contrastive"))
        embeddings, _ = experiment.embed(experiment.splits.test)
        pixels = experiment.splits.test.images.pixels[:20]
        served = load_exported(str(self.output / "float16")).signatures["uint8"](tf.constant(pixels))["embeddings"]
        moved = np.linalg.norm(served - embeddings[:20], axis=1).max()
        self.assertBetween(moved, 1e-6, form["largest_move"] + 1e-6)

    def test_sizes(self):
        experiment, _ = restored_experiment(tiny_runs.digits("ccp/contrastive"))
        weights = sum(weight.size for weight in experiment.model.get_weights())
        self.assertAlmostEqual(self.record["forms"]["float32"]["weights_mb"], 4 * weights / 2**20)
        path = self.output / "tflite_float16.tflite"
        self.assertAlmostEqual(self.record["forms"]["tflite_float16"]["weights_mb"], path.stat().st_size / 2**20)

    def test_table(self):
        lines = self.out.splitlines()
        self.assertRegex(lines[0], "^ +MAP@R +lost +P@1 +moved +weights +one image$")
        for line, (kind, form) in zip(lines[1:], self.record["forms"].items()):
            shown = line.split()
            self.assertEqual(shown[:2], [kind, f"{100 * form['map_at_r']:.2f}"])
            self.assertEqual(shown[3:5], [f"{100 * form['precision_at_1']:.2f}", f"{form['largest_move']:.1e}"])

    @parameterized.parameters("float16", "tflite_float16")
    def test_what_is_there_is_not_overwritten(self, kind):
        before = (self.output / RESULT_FILE).read_text()
        with self.assertRaisesRegex(UserError, "exists already; pass another --output, or delete it first"):
            quantize(tiny_runs.digits("ccp/contrastive"), str(self.output), ["tflite", kind])
        self.assertEqual((self.output / RESULT_FILE).read_text(), before)
        self.assertFalse((self.output / "tflite.tflite").exists())

    def test_refusals(self):
        folder = pictures.folder_for(self)
        for kinds, message in ((["tflite_int4"], "Unknown kind 'tflite_int4'. Did you mean"), ([], "at least one of")):
            with self.assertRaisesRegex(ConfigError, message):
                quantize("no/such", str(folder), kinds)
        with self.assertRaisesRegex(UserError, "holds no run"):
            quantize(str(folder), str(folder / "out"), ["tflite"])
        self.assertEqual(list(folder.iterdir()), [])
