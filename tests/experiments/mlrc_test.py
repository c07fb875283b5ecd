"""The 4-fold protocol: what is trained on what, what is averaged over what, and going on after a stop."""

import itertools
import json
import pathlib
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError, UserError
from datasets.examples import split_examples
from datasets.reading import load
from experiments.experiment import train_run
from experiments.mlrc import RESULT_FILE, mlrc_table, run_mlrc
from experiments.run_directory import RunDirectory, RunError
from experiments.settings import configure
from tests.support import photographs, retrieval_oracle
from tests.support.tiny_runs import ONE_STEP

REPEATS = 2
METRICS = ("precision_at_1", "r_precision", "map_at_r")


class MlrcTest(parameterized.TestCase, tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.home = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(tf.io.gfile.rmtree, str(cls.home))
        photographs.write(cls.home / "images", num_classes=16, per_class=4)
        cls.config = configure(ONE_STEP, {"data_dir": str(cls.home / "images")})
        cls.result = run_mlrc(cls.config, str(cls.home / "mlrc"), REPEATS)
        cls.runs = {
            (fold, repeat): RunDirectory(cls.home / "mlrc" / f"fold{fold}-repeat{repeat}")
            for fold in (1, 2, 3, 4)
            for repeat in range(REPEATS)
        }

    def results(self):
        return {at: json.loads(run.result.read_text()) for at, run in self.runs.items()}

    def test_every_fold_and_repeat_is_a_run(self):
        for (fold, repeat), run in self.runs.items():
            config = run.load_config()
            self.assertEqual((config.data.validation, config.run.seed), (f"fold{fold}", 5 + repeat))
        # Of 8 training classes each fold trains on 6 and selects on 2; all are judged on the same 8.
        for result in self.results().values():
            self.assertEqual([result["data"][p]["classes"] for p in ("train", "validation", "test")], [6, 2, 8])

    def test_models_of_different_folds_and_repeats_differ(self):
        embeddings = [np.load(run.test_embeddings)["embeddings"] for run in self.runs.values()]
        self.assertEqual({e.shape for e in embeddings}, {(32, 3)})
        for one, other in itertools.combinations(embeddings, 2):
            self.assertNotAllClose(one, other, atol=1e-3)

    def test_separated(self):
        results, separated = self.results(), self.result["separated"]
        self.assertEqual(separated["embedding_size"], 3)
        self.assertLen(separated["models"], 8)
        for metric in METRICS:
            means = [np.mean([results[fold, i]["test"][metric] for fold in (1, 2, 3, 4)]) for i in range(REPEATS)]
            scores = separated["scores"][metric]
            self.assertAllClose(scores["mean"], np.mean(means))
            self.assertAllClose(scores["deviation"], abs(means[0] - means[1]) / np.sqrt(2))
            # t(0.975, 1) = 12.7062, times the deviation over sqrt(2).
            self.assertAllClose(scores["interval_95"][1] - np.mean(means), 12.7062 * scores["deviation"] / np.sqrt(2))

    def test_concatenated(self):
        labels = split_examples(load(self.config.data), "test").labels
        scores = {}
        for repeats in itertools.product(range(REPEATS), repeat=4):
            joined = np.concatenate(
                [np.load(self.runs[f, i].test_embeddings)["embeddings"] for f, i in enumerate(repeats, 1)], axis=1
            )
            joined = joined / np.maximum(1.0, np.linalg.norm(joined, axis=1, keepdims=True))
            scores[repeats] = retrieval_oracle.means(retrieval_oracle.per_query(joined, labels))
        concatenated = self.result["concatenated"]
        self.assertEqual((concatenated["embedding_size"], concatenated["combinations"]), (12, 16))
        for metric in METRICS:
            values = [one[metric] for one in scores.values()]
            found = concatenated["scores"][metric]
            self.assertAllClose([found["mean"], found["deviation"]], [np.mean(values), np.std(values, ddof=1)])
            # Each fold adds half the squared difference of its two repeats' means, over 2; t(0.975, 4) = 2.776445.
            variance = 0.0
            for fold in range(4):
                one, other = (np.mean([v[metric] for c, v in scores.items() if c[fold] == i]) for i in range(REPEATS))
                variance += (one - other) ** 2 / 2 / 2
            half = 2.776445 * np.sqrt(variance)
            self.assertAllClose(found["interval_95"], [np.mean(values) - half, np.mean(values) + half], rtol=1e-5)

    def test_is_written_and_shown(self):
        written = json.loads((self.home / "mlrc" / RESULT_FILE).read_text())
        self.assertEqual(written, json.loads(json.dumps(self.result)))
        table = mlrc_table(self.result)
        self.assertRegex(table, r"separated, 3-D +\d+\.\d\d ± \d+\.\d\d \[-?\d+\.\d\d, \d+\.\d\d\]")
        self.assertIn("concatenated, 12-D", table)
        self.assertNotIn("paper", table)
        self.assertIn("one quarter of the training classes", written["protocol"]["model_selection"])
        self.assertEqual(written["settings"]["overridden"]["width"]["here"], ONE_STEP["width"])

    def test_the_paper_stands_beside(self):
        published = {"precision_at_1": 0.6, "r_precision": 0.5, "map_at_r": 0.4}
        ways = {way: {**self.result[way], "published": published} for way in ("separated", "concatenated")}
        self.assertEqual(mlrc_table({**self.result, **ways}).count("paper (BN-Inception, pretrained)"), 2)

    def test_what_is_finished_is_not_done_again_and_what_is_not_is(self):
        unfinished = self.runs[3, 1]
        before = {at: run.metrics.stat().st_mtime_ns for at, run in self.runs.items()}
        embeddings = np.load(unfinished.test_embeddings)["embeddings"]
        unfinished.result.unlink()
        unfinished.test_embeddings.unlink()
        again = run_mlrc(self.config, str(self.home / "mlrc"), REPEATS)
        self.assertEqual(again, self.result)
        np.testing.assert_array_equal(np.load(unfinished.test_embeddings)["embeddings"], embeddings)
        self.assertEqual({at: run.metrics.stat().st_mtime_ns for at, run in self.runs.items()}, before)

    def test_other_settings_are_refused(self):
        other = configure(ONE_STEP, {"data_dir": str(self.home / "images"), "learning_rate": 1e-3})
        with self.assertRaisesRegex(RunError, "learning_rate is 0.01 there and 0.001 here"):
            run_mlrc(other, str(self.home / "mlrc"), REPEATS)

    def test_models_judged_on_different_images_are_not_joined(self):
        run = self.runs[2, 0]
        whole = run.test_embeddings.read_bytes()
        with np.load(run.test_embeddings) as file:
            embeddings, kept = file["embeddings"], file["kept"]
        np.savez(run.test_embeddings, embeddings=embeddings[1:], kept=kept[1:])
        with self.assertRaisesRegex(UserError, "was judged on other images than the runs beside it"):
            run_mlrc(self.config, str(self.home / "mlrc"), REPEATS)
        run.test_embeddings.write_bytes(whole)


class TooFewClassesTest(tf.test.TestCase):
    def test_are_refused_before_any_fold_is_trained(self):
        home = pathlib.Path(self.get_temp_dir())
        photographs.write(home / "images", num_classes=14, per_class=2)  # Of 7 training classes fold 4 holds out one.
        config = configure(ONE_STEP, {"data_dir": str(home / "images")})
        with self.assertRaisesRegex(UserError, "Fold 4 of 7 classes holds out 1: .* four folds need at least 8"):
            run_mlrc(config, str(home / "mlrc"), 1)
        self.assertFalse((home / "mlrc").exists())


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
        config = configure(ONE_STEP, {**ccp, **data})
        result = train_run(config, home / "run", "fold 2", on_board=False)
        self.assertIn("the test set itself, as --select_on_test asks", result["protocol"]["model_selection"])
        # Trained on the fold's classes; one epoch: what was selected on is what was judged, by the same images.
        self.assertEqual(result["data"]["train"]["classes"], 6)
        self.assertAllClose(RunDirectory(home / "run").records()[-1]["map_at_r"], result["test"]["map_at_r"])
