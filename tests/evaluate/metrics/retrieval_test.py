"""Retrieval scores in cases small enough to score by hand."""

import numpy as np
from absl.testing import parameterized

from evaluate import per_query_metrics, retrieval_metrics
from evaluate.metrics.retrieval import METRICS


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
        self.assertEqual({scores[name] for name in METRICS}, {1.0})

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
        self.assertEqual({scores[name] for name in METRICS}, {1.0})

    @parameterized.parameters(False, True)
    def test_a_collapsed_embedding_scores_chance(self, by_class):
        # Each of the 4 has R = 1, and its one relevant reference is first of 3 in a third of the orders.
        labels = np.array([0, 0, 1, 1] if by_class else [0, 1, 0, 1])
        scores = retrieval_metrics(np.full((4, 200), 0.1, np.float32), labels)
        for name in METRICS:
            self.assertAlmostEqual(scores[name], 1 / 3, places=12)
        for name in ("precision_at_1", "map_at_r"):
            self.assertEqual((scores[f"{name}_lowest"], scores[f"{name}_highest"]), (0.0, 1.0))

    def test_a_tie_across_the_last_place(self):
        # From 0, class 1: a hit at 1, then a hit and two misses at 2, then a hit at 3: R = 3, places 2 and 3 of the
        # nearest 3 go to two of the tied three. P@R: 1 + 2 · 1/3 of 3 = 5/9. MAP@R: with the tied hit at place 2
        # 1 + 2/2, at 3 1 + 2/3, behind 1; each in a third of the orders: (2 + 5/3 + 1) / 3 / 3 = 14/27.
        gallery = np.array([[1.0], [2.0], [-2.0], [2.0], [3.0]])
        scores = retrieval_metrics(np.zeros((1, 1)), np.array([1]), gallery, np.array([1, 0, 1, 0, 1]))
        self.assertAlmostEqual(scores["r_precision"], 5 / 9, places=12)
        self.assertAlmostEqual(scores["map_at_r"], 14 / 27, places=12)
        self.assertAlmostEqual(scores["map_at_r_lowest"], 1 / 3, places=12)
        self.assertAlmostEqual(scores["map_at_r_highest"], 2 / 3, places=12)
        self.assertEqual(scores["precision_at_1_lowest"], 1.0)


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
        # Queries at 0, 1, 2, 3 (the one at 4 is alone): 0 → 1, a hit; 1 → tie of 0, a hit, and 2; 2 → tie of 1 and 3,
        # a hit; 3 → tie of 2, a hit, and 4: so 1 + 3 · 1/2 of 4.
        self.assertEqual(scores["precision_at_1"], 0.625)

    def test_negative_labels(self):
        self.assertEqual(retrieval_metrics([[0.0], [1.0], [9.0]], [-1, -1, 5])["map_at_r"], 1.0)
