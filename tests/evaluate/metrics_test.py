"""Retrieval scores against plain loops, and cases small enough to score by hand."""

import numpy as np
from absl.testing import parameterized

from evaluate import per_query_metrics, retrieval_metrics
from evaluate.metrics import METRICS
from tests.evaluate import retrieval_oracle


def _random_set(random, count, classes, embedding_size, integers):
    labels = random.integers(0, classes, count)
    if integers:  # Exact in any arithmetic, and full of ties and duplicates.
        return random.integers(-1, 2, (count, embedding_size)).astype(np.float64), labels
    return random.normal(size=(count, embedding_size)).astype(np.float32), labels


class AgainstLoopsTest(parameterized.TestCase):
    @parameterized.product(seed=tuple(range(12)), integers=(False, True))
    def test_leave_one_out(self, seed, integers):
        random = np.random.default_rng([seed, integers])
        count, classes, embedding_size = random.integers((3, 1, 1), (40, 9, 7))
        self.assert_equals_loops(*_random_set(random, count, classes, embedding_size, integers))

    @parameterized.product(seed=tuple(range(12)), integers=(False, True))
    def test_gallery(self, seed, integers):
        random = np.random.default_rng([seed, integers, 1])
        count, references, classes, embedding_size = random.integers((1, 1, 1, 1), (20, 40, 9, 7))
        queries = _random_set(random, count, classes, embedding_size, integers)
        # Classes that only one of the two sets has are among them.
        gallery = _random_set(random, references, classes + 2, embedding_size, integers)
        self.assert_equals_loops(*queries, *gallery)

    def assert_equals_loops(self, *arguments):
        actual, expected = per_query_metrics(*arguments), retrieval_oracle.per_query(*arguments)
        np.testing.assert_array_equal(actual["num_relevant"] > 0, [one is not None for one in expected])
        for index, one in enumerate(expected):
            for name in METRICS:
                self.assertAlmostEqual(actual[name][index], one[name] if one else 0.0, places=12)
        if any(expected):
            for name, value in retrieval_oracle.means(expected).items():
                self.assertAlmostEqual(retrieval_metrics(*arguments)[name], value, places=12)


class ByHandTest(parameterized.TestCase):
    def test_one_query(self):
        # On a line from the query at 0, class 1: references at 1, 2, 3, 4, 5 of classes 1, 0, 1, 0, 1. So R = 3; hits
        # at ranks 1 and 3 of the first 3: P@R = 2/3; MAP@R = (1/1 + 2/3) / 3 = 5/9.
        gallery = np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])
        scores = retrieval_metrics(np.zeros((1, 1)), np.array([1]), gallery, np.array([1, 0, 1, 0, 1]))
        self.assertAlmostEqual(scores["precision_at_1"], 1.0)
        self.assertAlmostEqual(scores["r_precision"], 2 / 3)
        self.assertAlmostEqual(scores["map_at_r"], 5 / 9)

    def test_lone_queries_are_left_out_of_the_means(self):
        # The class-0 pair finds each other first (1, 1); the lone 7 lies apart and has nothing to find.
        scores = retrieval_metrics(np.array([[0.0], [1.0], [10.0]]), np.array([0, 0, 7]))
        self.assertEqual(scores, {"precision_at_1": 1.0, "r_precision": 1.0, "map_at_r": 1.0})

    def test_a_query_never_finds_itself_but_finds_its_duplicate(self):
        # 0 and 1 are the same point, of two classes. Were a query its own first hit, P@1 would be 1 for all.
        embeddings, labels = np.array([[0.0], [0.0], [5.0], [6.0]]), np.array([0, 1, 0, 1])
        per_query = per_query_metrics(embeddings, labels)
        # Query 0: 1 (class 1) at distance 0. Query 1: 0 (class 0). Query 2: 3 (class 1). Query 3: 2 (class 0).
        np.testing.assert_array_equal(per_query["precision_at_1"], [0, 0, 0, 0])
        # With one class, the duplicate is the hit.
        np.testing.assert_array_equal(per_query_metrics(embeddings, labels * 0)["precision_at_1"], [1, 1, 1, 1])

    def test_a_gallery_that_holds_the_query_finds_it(self):
        # Separate sets: an equal point in the gallery is another image.
        points, labels = np.array([[0.0], [3.0]]), np.array([0, 1])
        self.assertEqual(retrieval_metrics(points, labels, points, labels)["precision_at_1"], 1.0)

    def test_one_class_scores_1(self):
        scores = retrieval_metrics(np.random.default_rng(0).normal(size=(9, 3)), np.full(9, 4))
        self.assertEqual(set(scores.values()), {1.0})

    def test_a_collapsed_embedding_is_scored_in_the_order_of_the_images(self):
        # All alike: everyone's nearest is image 0, and image 0's is image 1. R = 1 for each of the 4.
        # Query 0 finds 1 (class 1): miss; 1 finds 0: miss; 2 finds 0 (its class): hit; 3 finds 0: miss.
        embeddings = np.full((4, 200), 0.1, np.float32)
        scores = retrieval_metrics(embeddings, np.array([0, 1, 0, 1]))
        self.assertEqual(scores, {"precision_at_1": 0.25, "r_precision": 0.25, "map_at_r": 0.25})


class LabelsTest(parameterized.TestCase):
    @parameterized.parameters(2**24, 2**31, 2**53, 2**63 - 3)
    def test_large_labels_stay_apart(self, first):
        # Two classes whose labels are neighbours: alike as float32 from 2**24 on, as float64 from 2**53 on.
        labels = np.array([first, first + 1, first, first + 1], np.int64)
        embeddings = np.array([[0.0], [0.1], [5.0], [5.1]])
        per_query = per_query_metrics(embeddings, labels)
        np.testing.assert_array_equal(per_query["num_relevant"], [1, 1, 1, 1])
        np.testing.assert_array_equal(per_query["precision_at_1"], [0, 0, 0, 0])

    def test_signed_and_unsigned_labels_compare_exactly(self):
        gallery = np.array([[0.0], [1.0]])
        found = per_query_metrics(
            np.array([[0.0]]), np.array([2**53 + 1], np.uint64), gallery, np.array([2**53, 2**53 + 1], np.int64)
        )
        self.assertEqual(found["num_relevant"], [1])
        self.assertEqual(found["precision_at_1"], [0])

    @parameterized.parameters(np.int8, np.uint8, np.int32, np.uint64)
    def test_any_integer_type(self, dtype):
        labels = np.array([0, 0, 3, 3, 100], dtype)
        scores = retrieval_metrics(np.arange(5.0)[:, np.newaxis], labels)
        # Queries at 0, 1, 2, 3 (the one at 4 is alone): 0 → 1 hit; 1 → tie of 0 and 2, the lower index: hit;
        # 2 → tie of 1 and 3: 1, miss; 3 → tie of 2 and 4: 2, hit.
        self.assertEqual(scores["precision_at_1"], 0.75)

    def test_negative_labels(self):
        self.assertEqual(retrieval_metrics([[0.0], [1.0], [9.0]], [-1, -1, 5])["map_at_r"], 1.0)
