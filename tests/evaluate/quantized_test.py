"""Smaller forms of a run's network, judged on its test images."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import functools
import io
import json
import pathlib
from collections.abc import Mapping
from typing import Any
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import main
from ccp.distances import lipschitz_normalize
from ccp.errors import ConfigError, UserError
from datasets.bad_images import SKIP, BadImages
from datasets.pipelines import EvaluationImages
from evaluate import quantized, serve_check
from evaluate.embedding import judged
from evaluate.experiment import Experiment
from evaluate.quantized import RESULT_FILE, quantize
from evaluate.restored import restored_experiment
from models.embedding import build_embedding_model
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


@functools.cache
def _restored() -> tuple[Experiment, Mapping[str, Any]]:
    """The run, restored once for all tests that do not change it."""
    return restored_experiment(tiny_runs.digits("ccp/contrastive"))


@functools.cache
def _full() -> np.ndarray:
    """The run's embeddings of its test images."""
    experiment, _ = _restored()
    return experiment.embed(experiment.splits.test)[0]


@functools.cache
def _served() -> Any:
    """The float16 model, loaded."""
    return load_exported(str(_run()[0] / "float16"))


def _quantize(output: pathlib.Path, *kinds: str, restored=None) -> str:
    """The table for that run, or another."""
    with (
        mock.patch.object(quantized, "restored_experiment", return_value=restored or _restored()),
        mock.patch.object(quantized, "latency", return_value={"median_ms": 1.0}),
    ):
        return quantize("a run", str(output), kinds)[0]


_FORM = quantized.Judged(np.ones([1, 8]), {"map_at_r": 0.5, "precision_at_1": 0.5}, 1.0)


@contextlib.contextmanager
def _made_up(**judged_form):
    """Forms that nothing is computed for."""
    with (
        mock.patch.object(quantized, "judged_form", **judged_form),
        mock.patch.object(quantized, "convert", return_value=b"a model"),
        mock.patch.object(quantized, "LiteNetwork"),
    ):
        yield


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
        experiment, _ = _restored()
        test, form = experiment.splits.test, self.record["forms"]["tflite_float16"]
        network = LiteNetwork(str(self.output / "tflite_float16.tflite"))
        batches = [(i, network(batch.numpy())) for i, batch in EvaluationImages(test, experiment.format)]
        kept, embeddings = (np.concatenate(parts) for parts in zip(*batches))
        scores = judged(embeddings, kept, test)
        for metric, value in scores.items():
            self.assertAlmostEqual(form[metric], value, places=6)
        full = _full()
        before = judged(full, kept, test)
        self.assertAlmostEqual(form["map_at_r_lost"], before["map_at_r"] - scores["map_at_r"], places=6)
        self.assertAlmostEqual(form["largest_move"], np.linalg.norm(embeddings - full, axis=1).max(), places=5)
        self.assertGreater(form["largest_move"], 1e-6)
        self.assertAlmostEqual(self.record["forms"]["float32"]["map_at_r"], before["map_at_r"], places=6)
        self.assertEqual(self.record["forms"]["float32"]["map_at_r_lost"], 0.0)

    def test_the_float16_model_is_served_as_it_was_judged(self):
        info, form = read_info(str(self.output / "float16")), self.record["forms"]["float16"]
        self.assertEqual((info["stored_weights"], info["weights"]), ("float16", "none"))  # It started from none.
        self.assertEqual(info["test"]["map_at_r"], form["map_at_r"])
        experiment, _ = _restored()
        embeddings = _full()
        pixels = experiment.splits.test.images.pixels[:20]
        served = _served().signatures["uint8"](tf.constant(pixels))["embeddings"]
        moved = np.linalg.norm(served - embeddings[:20], axis=1).max()
        self.assertBetween(moved, 1e-6, form["largest_move"] + 1e-6)

    def test_the_float16_model_passes_its_check_against_the_run(self):
        trials = []

        def tried(_, trial, __):
            trials.append(trial)
            raise UserError("enough")

        run = tiny_runs.digits("ccp/contrastive")
        with mock.patch.object(serve_check, "serve_check", tried), contextlib.redirect_stderr(io.StringIO()):
            main.main(["serve_check", f"--model={self.output / 'float16'}", f"--run_dir={run}"])
        (trial,) = trials
        self.assertEqual(trial.reference, "the run's evaluation, kernels rounded to float16")
        embeddings = _served().signatures["encoded"](encoded_images=tf.constant(list(trial.files.values())))[
            "embeddings"
        ]
        np.testing.assert_allclose(embeddings, trial.expected, rtol=0, atol=1e-5)
        # Without the rounding it would fail.
        self.assertEqual(trial.source, "32 of the 896 test images of the run")
        places = np.unique(np.linspace(0, 895, 32).astype(int))
        self.assertGreater(np.abs(_full()[places] - embeddings).max(), 1.5e-5)

    def test_a_later_call_keeps_what_is_known(self):
        output = pictures.folder_for(self)
        (output / RESULT_FILE).write_text((self.output / RESULT_FILE).read_text())
        table = _quantize(output, "tflite")
        record = json.loads((output / RESULT_FILE).read_text())
        self.assertEqual(list(record["forms"]), ["float32", "float16", "tflite", "tflite_float16"])
        self.assertEqual([line.split()[0] for line in table.splitlines()[1:]], list(record["forms"]))
        for kind in ("float16", "tflite_float16"):
            self.assertEqual(record["forms"][kind], self.record["forms"][kind])
        self.assertLess(record["forms"]["tflite"]["largest_move"], 1e-5)
        self.assertEqual({**record, "forms": None}, {**self.record, "forms": None})
        self.assertEqual({path.name for path in output.iterdir()}, {RESULT_FILE, "tflite.tflite"})

    def test_figures_of_another_run_are_not_mixed_in(self):
        output = pictures.folder_for(self)
        before = json.dumps({**self.record, "epochs": 1})
        (output / RESULT_FILE).write_text("[]")
        with self.assertRaisesRegex(
            UserError, r"quantized.json cannot be read \(it holds no forms\); pass another --output"
        ):
            quantize("no/such", str(output), ["tflite"])
        (output / RESULT_FILE).write_text(before)
        with self.assertRaisesRegex(
            UserError, r"figures of another run, or of .* \(epochs differ\); pass another --out"
        ):
            _quantize(output, "tflite")
        self.assertEqual((output / RESULT_FILE).read_text(), before)
        self.assertEqual([path.name for path in output.iterdir()], [RESULT_FILE])

    def test_a_run_of_mixed_precision_is_judged_as_it_was_trained(self):
        experiment = copy.copy(_restored()[0])
        model = dataclasses.replace(experiment.config.model, mixed_precision="bfloat16")
        test = experiment.splits.test
        few = test.subset(np.arange(0, len(test), 20))
        experiment.splits = dataclasses.replace(experiment.splits, test=few)
        mixed = build_embedding_model(model, experiment.format.channels, seed=0)
        mixed.set_weights(experiment.model.get_weights())
        plain, experiment.model = experiment.model, mixed
        experiment.config = dataclasses.replace(experiment.config, model=model)
        output = pictures.folder_for(self)
        _quantize(output, "tflite", restored=(experiment, {}))
        forms = json.loads((output / RESULT_FILE).read_text())["forms"]
        self.assertEqual(list(forms), ["mixed_bfloat16", "tflite"])
        self.assertEqual(forms["mixed_bfloat16"]["largest_move"], 0.0)
        # 8 significant bits move embeddings by 1e-3 and more; the smaller form is of the float32 network.
        self.assertGreater(forms["tflite"]["largest_move"], 1e-4)
        image = tf.ones([1, *plain.input_shape[1:]])
        np.testing.assert_allclose(
            LiteNetwork(str(output / "tflite.tflite"))(image.numpy()),
            lipschitz_normalize(plain(image)),
            rtol=0,
            atol=1e-5,
        )

    def test_a_form_is_in_its_place_only_when_it_is_judged(self):
        output = pictures.folder_for(self)
        for error in (KeyboardInterrupt, OSError):  # Of an image, perhaps: not of what is written.
            with _made_up(side_effect=[_FORM, error]), self.assertRaises(error):
                _quantize(output, "tflite")
            self.assertEqual([path.name for path in output.iterdir()], [RESULT_FILE])
            self.assertEqual(list(json.loads((output / RESULT_FILE).read_text())["forms"]), ["float32"])

    def test_images_that_turn_out_unreadable_while_a_form_is_judged(self):
        output, experiment = pictures.folder_for(self), copy.copy(_restored()[0])

        def judged_form(*_):
            experiment.bad_images.report(f"{len(experiment.bad_images.found)}.png", "damaged")
            return _FORM

        for kind in ("tflite", "tflite_float16"):  # The second call has met none as it starts.
            experiment.bad_images = BadImages(SKIP)
            with _made_up(side_effect=judged_form):
                _quantize(output, kind, restored=(experiment, {}))
            record = json.loads((output / RESULT_FILE).read_text())
            self.assertEqual(record["data"]["unreadable_images_left_out"], 2)  # One while each of two was judged.
        self.assertEqual(list(record["forms"]), ["float32", "tflite", "tflite_float16"])

    def test_sizes(self):
        experiment, _ = _restored()
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
        (folder / "file").touch()
        with self.assertRaisesRegex(UserError, "file cannot be written; pass --output, a directory"):
            quantize("no/such", str(folder / "file"), ["tflite"])
        (folder / "file").unlink()
        for kinds, message in ((["tflite_int4"], "Unknown kind 'tflite_int4'. Did you mean"), ([], "at least one of")):
            with self.assertRaisesRegex(ConfigError, message):
                quantize("no/such", str(folder), kinds)
        with self.assertRaisesRegex(UserError, "holds no run"):
            quantize(str(folder), str(folder / "out"), ["tflite"])
        self.assertEqual(list(folder.iterdir()), [])
