"""The command line: help, refusals, and one run through all commands."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

import main
from datasets.registry import DATA_SETS
from experiments import small_settings
from experiments.commands.command_line import EXIT_FAILURE, EXIT_USAGE
from experiments.sections import all_hyperparameters
from experiments.settings import all_settings
from tests.support import command_line


def _refusal(*arguments: str) -> tuple[int, str]:
    err = io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        code = main.main(list(arguments))
    return code, err.getvalue()


def _help(word: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert main.main([word, "--help"]) == 0
    return out.getvalue()


class HelpTest(parameterized.TestCase):
    @parameterized.parameters([["--help"]], [["train", "--help"]], [["export", "-h"]])
    def test_help_does_not_import_tensorflow(self, arguments):
        code = f"import sys, main; assert main.main({arguments!r}) == 0; assert 'tensorflow' not in sys.modules"
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=command_line.ROOT, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("main.py", done.stdout)

    def test_a_reader_that_goes_away_is_no_error(self):
        command = f"{sys.executable} main.py --help | true; {sys.executable} main.py train --help | head -1"
        done = subprocess.run(
            ["bash", "-c", command], cwd=command_line.ROOT, capture_output=True, text=True, check=False
        )
        self.assertEqual(done.stderr, "")

    def test_the_help_of_train(self):
        shown = _help("train")
        groups = re.findall(r"^(\w[^:\n]*):", shown, re.MULTILINE)
        self.assertEqual(groups[1], "The flags that matter most")
        self.assertContainsSubset(["Data", "Network", "Loss", "Projection", "Optimizer", "Loop"], groups)
        self.assertEqual(groups[-1], "Example")
        self.assertLessEqual(max(map(len, shown.splitlines())), 100)
        first = shown.partition("most:\n")[2].partition("\n\n")[0]
        essential = {name for name, setting in all_settings().items() if setting.essential} | {"run_dir"}
        self.assertEqual(set(re.findall(r"^  --(\w+)", first, re.MULTILINE)), essential)
        self.assertLen(essential, 10)
        for name in {*all_settings(), *all_hyperparameters()}:
            self.assertEqual(shown.count(f"  --{name} ") + shown.count(f"  --{name}\n"), 1, name)
        self.assertRegex(shown, r"--proximal_weight +.*\(default: 0.0002\)")
        self.assertRegex(shown, r"--neg_margin +contrastive: .*")

    def test_every_command_has_help(self):
        for word in main.COMMANDS:
            shown = _help(word)
            self.assertStartsWith(shown, f"usage: main.py {word}")
            self.assertLessEqual(max(map(len, shown.splitlines())), 100)

    def test_presets(self):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(main.main(["presets"]), 0)
            self.assertEqual(main.main(["presets", "--dataset=CUB200_2011", "--loss=proxy_anchor"]), 0)
        for dataset in DATA_SETS:
            self.assertIn(f"--dataset={dataset}: ", out.getvalue())
        self.assertRegex(out.getvalue(), r"\n\* examples_per_class +1  \(default: 4\)\n")
        self.assertRegex(out.getvalue(), r"\n  weight_decay +0.0001\n")


class RefusalTest(parameterized.TestCase):
    @parameterized.parameters(
        (["trian"], "Unknown command 'trian'. Did you mean train?"),
        (["--loss=ccp/contrastive"], "A command word comes first"),
        (["train", "--los=triplet"], "Unknown flag of main.py train: 'los'. Did you mean loss or log?"),
        (["train", "--loss=ccp/contrasive"], "Unknown pair loss 'contrasive'. Did you mean contrastive"),
        (["train", "--dataset=omniglott"], "Unknown data set 'omniglott'. Did you mean omniglot?"),
        (
            ["train", "--loss=contrastive", "--batch_weight=1"],
            "batch_weight has no effect with --loss=contrastive: it belongs to ccp/…, ccp_xbm/…",
        ),
        (["train", "--loss=triplet+2*softmax", "--margin@2=1"], "term 2 of --loss=triplet+2*softmax has no margin."),
        (["train", "--loss=triplet+margin", "--margin=1"], "write --margin@1 (triplet) and --margin@2 (margin)"),
        (["train", "--loss=triplet+margin", "--margin@2=a"], "--margin@2 must be a number; got 'a'"),
        (["train", "--seed@1=2"], "Unknown flag of main.py train: 'seed@1'. Did you mean seed"),
        (["train", "--alpha=2"], "alpha has no effect with --loss=ccp/contrastive: it belongs to multi_similarity."),
        (["train", "--cfg=dml_small"], "--cfg is a flag of the original code: settings follow from --dataset, --loss"),
        (["evaluate", "--model=m"], "--model is a flag of calibrate, export, embed, index, search, browse, duplicates"),
        (["train", "--seed=x"], "--seed must be a whole number; got 'x'"),
        (["train", "--max_epochs=3.5"], "--max_epochs must be a whole number; got '3.5'"),
        (["train", "--learning_rate=a=b: c"], "--learning_rate must be a number; got 'a=b"),
        (
            ["train", "--batch_size=32"],
            "main.py train has no --batch_size: pass --classes_per_batch and --examples_per_",
        ),
        (["train", "--nesterov=1"], "Unknown flag of main.py train: 'nesterov'. There are: dataset, "),
        (["report", "--run_dir=a"], "main.py report takes runs without a flag: main.py report RUN …"),
        (["train", "--image_size=1"], "image_size must be 0 or at least 8; got 1"),
        (["train", "--neg_margin=nan"], "neg_margin must be at least 0 and at most 2; got nan"),
        (["train", "positional"], "Did not expect 'positional'"),
        (["train", "--dataset=sop", "--crop_to_box"], "--crop_to_box only matters with --dataset=cub or cars196 or"),
        (["train", "--on_bad_image=skip"], "--on_bad_image only matters with --dataset=cub or"),
        (["mlrc", "--validation=fold1"], "main.py mlrc holds out each of four folds in turn; leave --validation out"),
        (["mlrc", "--dataset=typefaces", "--labels=none"], "main.py mlrc holds classes out, which needs labels"),
        (["train", "--repeats=0"], "--repeats must be a whole number, at least 1; got '0'"),
        (["export", "--export_dir=e"], "main.py export needs one of --run_dir, a run, and --model"),
        (["report"], "main.py report needs RUN …"),
        (["duplicates", "--images=.", "--output=o", "--threshold=nan"], "--threshold must be from 0 to 2; got nan"),
        (["duplicates", "--images=.", "--output=o", "--threshold=-1"], "--threshold must be from 0 to 2; got -1"),
        (["compare", "--format=html", "run"], "--format must be one of text, csv, latex; got 'html'"),
        (["validate"], "main.py validate needs --dataset: data set to train and evaluate on"),
        (["validate", "--dataset=cup", "--data_dir=d"], "Unknown dataset 'cup'. Did you mean cub?"),
        (["validate", "--dataset=cub", "--seed=1"], "--seed is a flag of train, mlrc, not of validate"),
        (["prepare", "--dataset=cub"], "main.py prepare needs --data_dir: where to put the data set."),
        (["evaluate", "--loss=triplet"], "--loss is a flag of train, mlrc, presets, not of evaluate"),
        (["evaluate", "--run_dir=x", "--split=train"], "--split must be one of test, validation; got 'train'"),
        (["evaluate", "--run_dir=x", "--metrics=precision_at_5,recal_at_3"], "Unknown metric 'recal_at_3'"),
        (["train", "--learning_rate=inf"], "learning_rate must be above 0; got inf"),
        (["train", "--dataset=cub", "--data_dir=d"], "bn_inception needs --weights"),
        (["demo", "--seeds=a"], "--seeds must be different whole numbers between commas; got a"),
    )
    def test_usage_errors_name_the_remedy(self, arguments, message):
        code, err = _refusal(*arguments)
        self.assertEqual(code, EXIT_USAGE)
        self.assertIn(message, err)
        self.assertNotIn("Traceback", err)

    def test_what_is_not_there_is_named(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(tempfile.mkdtemp())
        pathlib.Path("image.png").touch()
        for arguments, message in (
            (["evaluate", "--run_dir=no/such"], "no/such holds no run"),
            (["train", "--dataset=omniglot", "--data_dir=no/such"], "no/such'. Pass --data_dir"),
            (["train", "--dataset=cub", "--weights=none"], "cub needs --data_dir: the directory that its files"),
            (["train", "--dataset=csv"], "The data set csv needs --manifest: a CSV file with the columns path and"),
            (["train", "--dataset=cub", "--backbone=conv4", "--data_dir=no/such"], "main.py prepare --dataset=cub"),
            (["validate", "--dataset=folder", "--data_dir=no/such"], "pass --data_dir, the directory of class folders"),
            (["prepare", "--dataset=cup", "--data_dir=unfetched"], "'cup' is not prepared from archives; cub, cars196"),
            (["prepare", "--dataset=sop", "--data_dir=unfetched"], "sop needs Stanford_Online_Products.zip; give the"),
            (["compare", "no/such"], "There is no run 'no/such'"),
            (["report", "."], "holds no run (there is no settings.json); pass the directory of a run"),
            (["embed", "--model=no/such", "--images=.", "--output=x"], "no/such holds no SavedModel"),
        ):
            code, err = _refusal(*arguments)
            self.assertEqual(code, EXIT_FAILURE)
            self.assertIn(message, err)
            self.assertNotIn("Traceback", err)
        _, err = _refusal("train", "--classes_per_batch=8")
        self.assertIn("A batch takes 8 classes, and the training set has 5. Add --classes_per_batch=5 to the", err)
        _, err = _refusal("train", "--labels=none", "--classes_per_batch=9999")
        self.assertRegex(err, "the training set has [0-9]+, as every image is one. Add --classes_per_batch=")
        self.assertEqual(os.listdir("."), ["image.png"])  # What is refused leaves nothing behind.
        _, err = _refusal("train", "--weights=no/such.h5")
        self.assertIn(os.path.abspath("no/such.h5"), err)  # Runs are read from anywhere.


# The demo's trainings in a few epochs, with a projection.
SHORT = {
    "digits": {
        **small_settings.small_settings("digits"),
        "max_epochs": 2,
        "projection": "period",
        "projection_period": 1,
    }
}


@pytest.mark.slow  # Two trainings, and a process for each command.
class WholeWayTest(tf.test.TestCase):
    def test_demo_evaluate_export_embed(self):
        home = pathlib.Path(self.get_temp_dir())
        short = {"experiments.small_settings._DEPARTURES": SHORT}
        demo = command_line.Forked("demo", "--dataset=digits", f"--output_dir={home}/demo", constants=short)
        code, shown, err = command_line.ended(demo)
        self.assertEqual(code, 0, err)
        self.assertIn("Retrieval on 5 classes of digits never seen in training (%, seed 0):", shown)
        self.assertRegex(shown, r"untrained +\d+\.\d\d +\d+\.\d\d +\d+\.\d\d\n")
        for name in ("projections.png", "retrieval.png", "covering_radius.png", "curves.png"):
            with Image.open(home / "demo" / "digits" / name) as picture:
                self.assertGreater(min(picture.size), 300)
        run = home / "demo" / "digits" / "ccp-contrastive-seed0"
        result = json.loads((run / "result.json").read_text())
        self.assertEqual(result["projections"], 1)
        self.assertLen(list((run / "projections").iterdir()), 2)
        self.assertIn("5 classes never seen in training", result["protocol"]["test"])
        exported = json.loads((home / "demo" / "digits" / "model" / "1" / "embedding.json").read_text())
        self.assertAllClose(exported["test"], result["test"])
        self._holds_scalars_histograms_and_pictures(run / "tensorboard")

        self.assertIn("ccp/contrastive, test", self._run("evaluate", f"--run_dir={run}"))

        images = home / "my images"
        images.mkdir()
        digits = np.random.default_rng(0).integers(0, 255, (3, 20, 20), np.uint8)
        for number, pixels in enumerate(digits):
            Image.fromarray(pixels).save(images / f"{number}.png")
        (images / "broken.png").write_text("not an image")
        embed = ("embed", f"--model={home}/model", f"--images={images}", f"--output={home}/out")
        self._run("export", f"--run_dir={run}", f"--export_dir={home}/model")
        self.assertIn("1 skipped", self._run(*embed, "--on_error=skip"))
        self.assertEqual(np.load(home / "out" / "embeddings.npy").shape, (3, 16))
        self.assertLen((home / "out" / "images.jsonl").read_text().splitlines(), 3)

    def _run(self, *arguments: str) -> str:
        code, out, err = command_line.run_forked(*arguments)
        self.assertEqual(code, 0, err)
        return out

    def test_a_disk_that_takes_no_more_is_an_error_with_a_remedy(self):
        def little_space():
            resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

        done = subprocess.run(
            [sys.executable, "main.py", "train", "--loss=contrastive", f"--run_dir={self.get_temp_dir()}/run"],
            cwd=command_line.ROOT,
            preexec_fn=little_space,
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(done.returncode, EXIT_FAILURE, done.stderr)
        self.assertRegex(done.stderr, r"error: A checkpoint could not be written to .*free some space")
        self.assertNotIn("Traceback", done.stderr)

    def _holds_scalars_histograms_and_pictures(self, directory: pathlib.Path):
        tags = set()
        for path in directory.glob("events*"):
            for record in tf.data.TFRecordDataset(os.fspath(path)):
                event = tf.compat.v1.Event.FromString(record.numpy())
                tags |= {value.tag for value in event.summary.value}
        expected = {"loss", "map_at_r", "learning_rate", "distances/positive", "distances/negative", "projection"}
        expected |= {"geometry/radius_by_proxies", "geometry/class_distance_mean"}
        self.assertContainsSubset(expected, tags)


if __name__ == "__main__":
    tf.test.main()
