"""What the 4-fold protocol averages over what."""

from __future__ import annotations

import itertools
import pathlib
from unittest import mock

import numpy as np
import tensorflow as tf

from ccp.errors import UserError
from experiments import mlrc_scores
from experiments.mlrc_scores import concatenated_scores, mlrc_table, separated_scores
from experiments.run_directory import RunDirectory
from experiments.settings import configure
from tests.support import retrieval_oracle
from tests.support.tiny_runs import ONE_STEP

METRICS = ("precision_at_1", "r_precision", "map_at_r")
FOLDS, REPEATS = (1, 2, 3, 4), 2
LABELS = np.repeat(np.arange(4), 5)
SETTINGS = configure(ONE_STEP)


class MlrcScoresTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        random, home = np.random.default_rng(0), pathlib.Path(self.get_temp_dir())
        self.keys = [(fold, repeat) for repeat in range(REPEATS) for fold in FOLDS]
        self.results = {
            key: {"seed": key[1], "best_epoch": 1, "test": dict(zip(METRICS, random.uniform(size=3)))}
            for key in self.keys
        }
        self.embeddings = {key: random.normal(size=(20, 3)).astype(np.float32) for key in self.keys}
        self.runs = {}
        for fold, repeat in self.keys:
            run = self.runs[fold, repeat] = RunDirectory(home / f"fold{fold}-repeat{repeat}")
            run.path.mkdir(parents=True, exist_ok=True)
            run.finish(self.embeddings[fold, repeat], np.arange(20), {})
        self.test = mock.Mock(labels=LABELS, roles=np.array([""] * 20))

    def test_separated(self):
        separated = separated_scores(SETTINGS, self.results, REPEATS)
        self.assertEqual(separated["embedding_size"], 3)
        self.assertLen(separated["models"], 8)
        for metric in METRICS:
            means = [np.mean([self.results[fold, i]["test"][metric] for fold in FOLDS]) for i in range(REPEATS)]
            scores = separated["scores"][metric]
            self.assertAllClose(scores["mean"], np.mean(means))
            self.assertAllClose(scores["deviation"], abs(means[0] - means[1]) / np.sqrt(2))
            # t(0.975, 1) = 12.7062, times the deviation over sqrt(2).
            self.assertAllClose(scores["interval_95"][1] - np.mean(means), 12.7062 * scores["deviation"] / np.sqrt(2))

    def test_concatenated(self):
        scores = {}
        for repeats in itertools.product(range(REPEATS), repeat=4):
            joined = np.concatenate([self.embeddings[f, i] for f, i in zip(FOLDS, repeats)], axis=1)
            joined = joined / np.maximum(1.0, np.linalg.norm(joined, axis=1, keepdims=True))
            scores[repeats] = retrieval_oracle.means(retrieval_oracle.per_query(joined, LABELS))
        concatenated = concatenated_scores(SETTINGS, self.runs, self.test, REPEATS)
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

    def test_of_many_combinations_some_are_drawn(self):
        with mock.patch.object(mlrc_scores, "_MAX_COMBINATIONS", 5):
            first, again = (concatenated_scores(SETTINGS, self.runs, self.test, REPEATS) for _ in range(2))
        self.assertBetween(first["combinations"], 1, 5)
        self.assertEqual(first, again)

    def test_models_evaluated_on_different_images_are_not_concatenated(self):
        self.runs[2, 0].finish(self.embeddings[2, 0][1:], np.arange(1, 20), {})
        with self.assertRaisesRegex(UserError, "was evaluated on other images than the runs beside it"):
            concatenated_scores(SETTINGS, self.runs, self.test, REPEATS)

    def test_the_table_has_the_papers_scores_below(self):
        result = {
            "separated": separated_scores(SETTINGS, self.results, REPEATS),
            "concatenated": concatenated_scores(SETTINGS, self.runs, self.test, REPEATS),
        }
        table = mlrc_table(result)
        self.assertRegex(table, r"separated, 3-D +\d+\.\d\d ± \d+\.\d\d \[-?\d+\.\d\d, \d+\.\d\d\]")
        self.assertIn("concatenated, 12-D", table)
        self.assertNotIn("paper", table)
        result["separated"]["published"] = dict.fromkeys(METRICS, 0.4)
        self.assertRegex(mlrc_table(result), r"  paper, 3-D \(BN-Inception, pretrained\) +40\.00 +40\.00 +40\.00")


if __name__ == "__main__":
    tf.test.main()
