"""Results as data, and the agreement of clusters with classes."""

import json
from unittest import mock

import numpy as np
from absl.testing import parameterized
from sklearn.exceptions import ConvergenceWarning

from evaluate import EvaluationError, retrieval_metrics
from evaluate.metrics import clustering
from evaluate.metrics.retrieval import evaluate_retrieval

# On a line, classes 5 5 7 7 9; 0 and 1 find each other; 10 and 11 find 10.6 first, of class 9, which is alone.
POINTS = np.array([[0.0], [1.0], [10.0], [11.0], [10.6]])
LABELS = np.array([5, 5, 7, 7, 9])


class ResultTest(parameterized.TestCase):
    def test_classes_and_lone_queries(self):
        # Query 2 at 10: 10.6 is nearer than 11; query 3 at 11: 10.6 again. So class 7 has P@1 0, and its hit at rank 2.
        result = evaluate_retrieval(POINTS, LABELS)
        self.assertEqual(list(result.per_class()), [5, 7])
        for label, precision, rank in ((5, 1.0, 1), (7, 0.0, 2)):
            scores = result.per_class()[label]
            self.assertEqual(scores["num_queries"], 2)
            self.assertEqual(scores["precision_at_1"], precision)
            self.assertEqual(scores["mrr"], 1 / rank)
            self.assertEqual([scores[f"recall_at_{k}"] for k in (1, 2, 4, 8)], [precision, 1.0, 1.0, 1.0])
        self.assertEqual(result.means["precision_at_1"], 0.5)
        self.assertEqual(result.protocol["num_queries_left_out"], 1)

    @parameterized.parameters(False, True)
    def test_protocol(self, with_gallery):
        arguments = (POINTS[:3], LABELS[:3], POINTS, LABELS) if with_gallery else (POINTS, LABELS)
        protocol = evaluate_retrieval(*arguments).protocol
        self.assertEqual(protocol["search"], "queries against a gallery" if with_gallery else "leave-one-out by index")
        # Leave-one-out: every query has the 4 others.
        self.assertEqual((protocol["num_queries"], protocol["num_references"]), (3, 5) if with_gallery else (5, 4))

    def test_to_json(self):
        kept = json.loads(json.dumps(evaluate_retrieval(POINTS, LABELS, with_clustering=True).to_dict()))
        self.assertEqual(set(kept), {"protocol", "means", "clustering", "per_class"})
        self.assertEqual(kept["per_class"]["5"]["map_at_r"], 1.0)

    def test_cheap_and_full_agree(self):
        cheap, full = retrieval_metrics(POINTS, LABELS), evaluate_retrieval(POINTS, LABELS, map_at=(2,)).means
        self.assertEqual({name: full[name] for name in cheap}, cheap)

    def test_ranks_count_from_1(self):
        for ranks in ({"recall_at": (0,)}, {"map_at": (1, -1)}):
            with self.assertRaisesRegex(EvaluationError, "Ranks count from 1"):
                evaluate_retrieval(POINTS, LABELS, **ranks)

    def test_galleries_that_do_not_fit(self):
        with self.assertRaisesRegex(EvaluationError, "2 gallery sets of embeddings and 1 of labels"):
            evaluate_retrieval(POINTS, LABELS, [POINTS, POINTS], [LABELS])
        with self.assertRaisesRegex(EvaluationError, r"gallery sets differ in their dimensions: \[1, 2\]"):
            evaluate_retrieval(POINTS, LABELS, [POINTS, np.zeros((5, 2))], [LABELS, LABELS])

    def test_the_first_hit_is_found_however_late(self):
        # 2,000 references of another class are nearer than the hit; with all of them tied, and with none.
        for gap in (0.0, 1e-6):
            gallery = np.append(1.0 + gap * np.arange(2000), 2.0)[:, np.newaxis]
            result = evaluate_retrieval(np.zeros((1, 1)), [3], gallery, np.append(np.zeros(2000, int), 3))
            self.assertAlmostEqual(result.means["mrr"], 1 / 2001, places=15)


class ClusteringTest(parameterized.TestCase):
    @parameterized.parameters(("k-means", 10**10), ("mini-batch k-means", 10))
    def test_classes_far_apart(self, algorithm, most_work):
        # Clusters of the labels' own: both are 1; k-means from one start may miss that, but not with 2 classes.
        points = np.repeat([[0.0], [100.0]], 20, axis=0) + np.random.default_rng(0).normal(size=(40, 1))
        with mock.patch.object(clustering, "_MOST_WORK", most_work):
            found = clustering.cluster_agreement(points, np.repeat([3, 8], 20))
        self.assertEqual((found["algorithm"], found["num_clusters"]), (algorithm, 2))
        self.assertAlmostEqual(found["nmi"], 1.0)
        self.assertAlmostEqual(found["ami"], 1.0)

    def test_normalised_by_the_arithmetic_mean(self):
        # Points in 2 clusters of 6, classes a of 6 and b, c of 3 each; k-means is asked for 3 clusters, but there are
        # only 2 different points, so it finds 2. H(classes) = 1.5 bits, H(clusters) = 1, I = 1: 1 / 1.25 = 0.8.
        points = np.repeat([[0.0], [1.0]], 6, axis=0)
        with self.assertWarns(ConvergenceWarning):
            found = clustering.cluster_agreement(points, np.array([0] * 6 + [1] * 3 + [2] * 3))
        self.assertAlmostEqual(found["nmi"], 0.8)
