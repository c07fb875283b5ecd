"""Against the exact search of ``evaluate``, and by hand."""

from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.distances import lipschitz_normalize
from ccp.errors import UserError
from ccp.training import retrieval_scores as module
from ccp.training.retrieval_scores import retrieval_scores
from ccp.training.validation import scores_of
from evaluate.metrics.retrieval import evaluate_retrieval


class RetrievalScoresTest(parameterized.TestCase):
    @parameterized.parameters(*range(8))
    def test_equals_the_exact_search(self, seed):
        random = np.random.default_rng(seed)
        labels = random.permutation(np.repeat(np.arange(12), random.integers(1, 9, 12)))  # Some classes are lone.
        embeddings = random.normal(size=(len(labels), 5)).astype(np.float32)
        expected = evaluate_retrieval(embeddings, labels).means
        self.assertSameScores(retrieval_scores(embeddings, labels), expected)

    def test_blocks_change_nothing(self):
        random = np.random.default_rng(0)
        embeddings, labels = random.normal(size=(50, 4)), random.integers(0, 5, 50)
        whole = retrieval_scores(embeddings, labels)
        in_blocks = mock.patch.object(module, "_VALUES_IN_A_BLOCK", 50 * 7)
        with in_blocks:
            self.assertSameScores(retrieval_scores(embeddings, labels), whole)

    @parameterized.product(kind=("duplicates", "grid", "equal"), seed=(0, 1, 2))
    def test_is_within_the_bounds_of_ties(self, kind, seed):
        random = np.random.default_rng(seed)
        embeddings = {
            "duplicates": random.normal(size=(5, 4))[random.integers(0, 5, 30)],
            "grid": random.integers(-1, 2, (30, 2)),
            "equal": np.full((30, 3), 0.1),
        }[kind]
        labels = random.integers(0, 9, 30)
        scores, bounds = retrieval_scores(embeddings, labels), evaluate_retrieval(embeddings, labels).means
        for name in ("precision_at_1", "map_at_r"):
            self.assertBetween(scores[name], bounds[f"{name}_lowest"] - 1e-9, bounds[f"{name}_highest"] + 1e-9)

    def test_ties_go_to_the_smaller_index(self):
        labels, expected = np.arange(40) % 2, []
        for query in range(40):
            found = [index for index in range(40) if index != query][:19]
            hits = labels[found] == labels[query]
            expected.append(np.sum(hits * np.cumsum(hits) / np.arange(1, 20)) / 19)
        self.assertAlmostEqual(retrieval_scores(np.ones((40, 3)), labels)["map_at_r"], np.mean(expected), places=12)

    def test_labels_in_every_form(self):
        embeddings, labels = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1])
        expected = retrieval_scores(embeddings, labels)
        for form in (labels[:, np.newaxis], labels.astype(bool), labels.astype(str), tf.constant(["a", "a", "b", "b"])):
            self.assertEqual(retrieval_scores(embeddings, form), expected)

    def test_uneven_batches_are_scored_whole(self):
        random = np.random.default_rng(0)
        embeddings, labels = random.normal(size=(13, 4)).astype(np.float32), random.integers(0, 3, 13)
        batches = [(embeddings[rows], labels[rows, np.newaxis]) for rows in np.split(np.arange(13), [1, 6, 8])]
        normalized = lipschitz_normalize(embeddings).numpy()
        self.assertEqual(scores_of(tf.identity, batches), retrieval_scores(normalized, labels))

    def test_by_hand(self):
        # On a line: a at 0, 1 and 5; b at 2 and 9; c at 20, alone. R is 2 for a, 1 for b.
        embeddings, labels = [[0.0], [1.0], [5.0], [2.0], [9.0], [20.0]], [0, 0, 0, 1, 1, 2]
        # a at 0 finds a, b: 1/2, P@1 1. a at 1 finds a (0) and b (2), both at 1, the first index first: 1/2, P@1 1.
        # a at 5 finds b (2), then a (1) and b (9) at 4, the first index first: hit at rank 2: MAP 1/4, P@R 1/2, P@1 0.
        # b at 2 finds a; b at 9 finds a: 0.
        scores = retrieval_scores(embeddings, labels)
        self.assertSameScores(
            scores, {"map_at_r": (0.5 + 0.5 + 0.25) / 5, "r_precision": 1.5 / 5, "precision_at_1": 2 / 5}
        )

    @parameterized.parameters(
        ([[0.0], [1.0]], [0, 1], "needs a class of at least two images"),
        ([[np.nan], [1.0]], [0, 0], "not finite"),
        ([[0.0], [1.0]], [[1, 0], [1, 0]], "Validation needs a class for each of 2, .* For one-hot labels pass"),
        ([[0.0], [1.0]], [0.0, 0.0], "Validation needs labels that are integers"),
    )
    def test_refuses(self, embeddings, labels, message):
        with self.assertRaisesRegex(UserError, message):
            retrieval_scores(embeddings, labels)

    def assertSameScores(self, scores, expected):
        self.assertEqual(list(scores), ["map_at_r", "r_precision", "precision_at_1"])
        for name, value in scores.items():
            self.assertAlmostEqual(value, expected[name], places=6)
