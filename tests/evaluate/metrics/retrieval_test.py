"""Retrieval scores as recorded and by hand, and what is refused."""

import numpy as np
from absl.testing import parameterized

from ccp.errors import ConfigError
from evaluate import EvaluationError, evaluate_retrieval, retrieval_metrics
from evaluate.metrics.registry import STANDARD, all_metrics
from evaluate.metrics.retrieval import evaluate_by_role
from tests.support import recorded, retrieval_oracle

POINTS, LABELS = np.arange(8.0).reshape(4, 2), np.array([0, 0, 1, 1])


class RecordedRetrievalTest(parameterized.TestCase):
    def test_leave_one_out(self):
        kept = recorded.below("retrieval/leave_one_out")
        scores = retrieval_metrics(kept["embeddings"], kept["labels"])
        self.assert_recorded(scores, kept)

    def test_query_and_gallery(self):
        kept = recorded.below("retrieval/query_gallery")
        scores = retrieval_metrics(
            kept["query_embeddings"], kept["query_labels"], kept["gallery_embeddings"], kept["gallery_labels"]
        )
        self.assert_recorded(scores, kept)

    def test_a_lone_query_of_the_record_is_left_out(self):
        # 32 of the 60 would be 0.5333; the recorded 0.5424 is 32 of 59.
        kept = recorded.below("retrieval/leave_one_out")
        relevant = evaluate_retrieval(kept["embeddings"], kept["labels"]).num_relevant
        self.assertEqual((relevant == 0).sum(), 1)
        self.assertAlmostEqual(float(kept["precision_at_1"]), 32 / 59, places=6)

    def test_the_oracle_agrees_with_the_record(self):
        kept = recorded.below("retrieval/leave_one_out")
        self.assert_recorded(
            retrieval_oracle.means(retrieval_oracle.per_query(kept["embeddings"], kept["labels"])), kept
        )

    def assert_recorded(self, scores, kept):
        for name in retrieval_oracle.METRICS:
            recorded.assert_matches(scores[name], kept[name])


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
        self.assertEqual({scores[name] for name in STANDARD}, {1.0})

    def test_a_query_never_finds_itself_but_finds_its_duplicate(self):
        # 0 and 1 are the same point, of two classes. Were a query its own first hit, P@1 would be 1 for all.
        embeddings, labels = np.array([[0.0], [0.0], [5.0], [6.0]]), np.array([0, 1, 0, 1])
        per_query = evaluate_retrieval(embeddings, labels).per_query
        # Query 0: 1 (class 1) at distance 0. Query 1: 0 (class 0). Query 2: 3 (class 1). Query 3: 2 (class 0).
        np.testing.assert_array_equal(per_query["precision_at_1"], [0, 0, 0, 0])
        # With one class, the duplicate is the hit.
        np.testing.assert_array_equal(
            evaluate_retrieval(embeddings, labels * 0).per_query["precision_at_1"], [1, 1, 1, 1]
        )

    def test_a_gallery_that_holds_the_query_finds_it(self):
        # Separate sets: an equal point in the gallery is another image.
        points, labels = np.array([[0.0], [3.0]]), np.array([0, 1])
        self.assertEqual(retrieval_metrics(points, labels, points, labels)["precision_at_1"], 1.0)

    def test_one_class_scores_1(self):
        scores = retrieval_metrics(np.random.default_rng(0).normal(size=(9, 3)), np.full(9, 4))
        self.assertEqual({scores[name] for name in STANDARD}, {1.0})

    @parameterized.parameters(False, True)
    def test_a_collapsed_embedding_scores_chance(self, by_class):
        # Each of the 4 has R = 1, and its one relevant reference is first of 3 in a third of the orders.
        labels = np.array([0, 0, 1, 1] if by_class else [0, 1, 0, 1])
        scores = retrieval_metrics(np.full((4, 200), 0.1, np.float32), labels)
        for name in STANDARD:
            self.assertAlmostEqual(scores[name], 1 / 3, places=12)
        for name in ("precision_at_1", "map_at_r"):
            self.assertEqual((scores[f"{name}_lowest"], scores[f"{name}_highest"]), (0.0, 1.0))

    def test_precision_at_k(self):
        # From 0, class 1: a hit at 1, then a hit and two misses at 2, then a hit at 3. P@1 is 1; P@2: the second place
        # is a hit in a third of the orders: (1 + 1/3)/2; P@3: two of the tied three: (1 + 2/3)/3; P@10: 3 of 10.
        gallery = np.array([[1.0], [2.0], [-2.0], [2.0], [3.0]])
        arguments = np.zeros((1, 1)), np.array([1]), gallery, np.array([1, 0, 1, 0, 1])
        names = [f"precision_at_{k}" for k in (2, 3, 10)]
        means = evaluate_retrieval(*arguments, metrics=names).means
        np.testing.assert_allclose([means[name] for name in names], [2 / 3, 5 / 9, 0.3], rtol=1e-12)

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
        result = evaluate_retrieval(embeddings, labels)
        np.testing.assert_array_equal(result.num_relevant, [1, 1, 1, 1])
        np.testing.assert_array_equal(result.per_query["precision_at_1"], [0, 0, 0, 0])

    def test_signed_and_unsigned_labels_compare_exactly(self):
        gallery = np.array([[0.0], [1.0]])
        found = evaluate_retrieval(
            np.array([[0.0]]), np.array([2**53 + 1], np.uint64), gallery, np.array([2**53, 2**53 + 1], np.int64)
        )
        self.assertEqual(found.num_relevant, [1])
        self.assertEqual(found.per_query["precision_at_1"], [0])

    @parameterized.parameters(np.int8, np.uint8, np.int32, np.uint64)
    def test_any_integer_type(self, dtype):
        labels = np.array([0, 0, 3, 3, 100], dtype)
        scores = retrieval_metrics(np.arange(5.0)[:, np.newaxis], labels)
        # Queries at 0, 1, 2, 3 (the one at 4 is alone): 0 → 1, a hit; 1 → tie of 0, a hit, and 2; 2 → tie of 1 and 3,
        # a hit; 3 → tie of 2, a hit, and 4: so 1 + 3 · 1/2 of 4.
        self.assertEqual(scores["precision_at_1"], 0.625)

    @parameterized.parameters(
        ([["a"], ["a"], ["b"], ["b"]],),
        (np.array(["ant", "ant", "bee", "bee"], object),),
        ([True, True, False, False],),
        ([[0], [0], [1], [1]],),
    )
    def test_text_truth_and_columns(self, labels):
        labels = np.array(labels)
        names = labels.reshape(-1)
        expected = evaluate_retrieval(POINTS, LABELS, metrics=all_metrics())
        result = evaluate_retrieval(POINTS, labels, metrics=all_metrics())
        self.assertEqual(result.means, expected.means)
        self.assertCountEqual(result.per_class(), dict.fromkeys(names.tolist()))
        with_gallery = retrieval_metrics(POINTS[:2], labels[:2], POINTS[2:], labels[1:3])
        self.assertEqual(with_gallery, retrieval_metrics(POINTS[:2], LABELS[:2], POINTS[2:], LABELS[1:3]))

    def test_text_and_numbers(self):
        with self.assertRaisesRegex(EvaluationError, "labels of one kind"):
            retrieval_metrics(POINTS, LABELS, POINTS, LABELS.astype(str))

    def test_negative_labels(self):
        self.assertEqual(retrieval_metrics([[0.0], [1.0], [9.0]], [-1, -1, 5])["map_at_r"], 1.0)


class RefusedTest(parameterized.TestCase):
    def test_one_image_per_class(self):
        with self.assertRaisesRegex(EvaluationError, "No query has a reference of its own class"):
            retrieval_metrics(POINTS, np.arange(4))

    def test_a_gallery_of_other_classes(self):
        with self.assertRaisesRegex(EvaluationError, "No query has a reference of its own class"):
            retrieval_metrics(POINTS, LABELS, POINTS, LABELS + 2)

    @parameterized.parameters(np.nan, np.inf, -np.inf)
    def test_not_finite(self, value):
        broken = POINTS.copy()
        broken[2, 1] = broken[3, 0] = value
        with self.assertRaisesRegex(EvaluationError, "2 of 4 query embeddings are not finite, the first at index 2"):
            retrieval_metrics(broken, LABELS)
        with self.assertRaisesRegex(EvaluationError, "2 of 4 gallery embeddings are not finite, the first at index 2"):
            retrieval_metrics(POINTS, LABELS, broken, LABELS)

    @parameterized.parameters(np.float32, np.float64)
    def test_labels_with_fractions(self, dtype):
        with self.assertRaisesRegex(EvaluationError, "The query set needs labels that are integers, booleans or str"):
            retrieval_metrics(POINTS, LABELS.astype(dtype))
        with self.assertRaisesRegex(EvaluationError, "The gallery set needs labels that are integers, booleans or str"):
            retrieval_metrics(POINTS, LABELS, POINTS, LABELS.astype(dtype))

    def test_one_hot_labels(self):
        with self.assertRaisesRegex(EvaluationError, r"query set needs .*got \(4, 2\)\. For one-hot labels pass"):
            retrieval_metrics(POINTS, np.eye(2, dtype=int)[LABELS])

    def test_labels_beyond_int64(self):
        with self.assertRaisesRegex(EvaluationError, "fit into int64; got 9223372036854775808"):
            retrieval_metrics(POINTS, np.full(4, 2**63, np.uint64))

    def test_dimensions_differ(self):
        with self.assertRaisesRegex(EvaluationError, "Queries have 2 dimensions and the gallery 3"):
            retrieval_metrics(POINTS, LABELS, np.zeros((4, 3)), LABELS)

    @parameterized.parameters(((3,), (3,)), ((4, 2), (3,)), ((4, 2), (1, 4)), ((0, 2), (0,)), ((4, 0), (4,)))
    def test_shapes(self, embeddings, labels):
        with self.assertRaisesRegex(EvaluationError, "query set needs"):
            retrieval_metrics(np.zeros(embeddings), np.zeros(labels, int))
        with self.assertRaisesRegex(EvaluationError, "gallery set needs"):
            retrieval_metrics(POINTS, LABELS, np.zeros(embeddings), np.zeros(labels, int))

    def test_half_a_gallery(self):
        for half in ({"gallery_embeddings": POINTS}, {"gallery_labels": LABELS}):
            with self.assertRaisesRegex(EvaluationError, "both embeddings and labels"):
                retrieval_metrics(POINTS, LABELS, **half)

    def test_unknown_metrics(self):
        for name in ("map_at_0", "recall_at_k", "map"):
            with self.assertRaises(ConfigError):
                evaluate_retrieval(POINTS, LABELS, metrics=[name])


class RolesTest(parameterized.TestCase):
    def test_queries_search_the_gallery_alone(self):
        roles = np.array(["query", "gallery", "gallery", "query"])
        # Point 0 finds 1, of its class; point 3 finds 2, of its class. Neither finds the other query.
        by_role = evaluate_by_role(POINTS, LABELS, roles, all_metrics())
        apart = evaluate_retrieval(POINTS[[0, 3]], LABELS[[0, 3]], POINTS[1:3], LABELS[1:3], metrics=all_metrics())
        self.assertEqual((by_role.means, by_role.protocol), (apart.means, apart.protocol))
        self.assertEqual(by_role.means["precision_at_1"], 1.0)

    def test_without_queries_every_example_searches_all_others(self):
        by_role = evaluate_by_role(POINTS, LABELS, np.full(4, ""))
        whole = evaluate_retrieval(POINTS, LABELS)
        self.assertEqual((by_role.means, by_role.protocol), (whole.means, whole.protocol))
