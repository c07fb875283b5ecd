"""Results as data."""

import json

import numpy as np
from absl.testing import parameterized

from evaluate import evaluate_retrieval, retrieval_metrics
from evaluate.metrics.registry import all_metrics

# On a line, classes 5 5 7 7 9; 0 and 1 find each other; 10 and 11 find 10.6 first, of class 9, which is alone.
POINTS = np.array([[0.0], [1.0], [10.0], [11.0], [10.6]])
LABELS = np.array([5, 5, 7, 7, 9])


class ResultTest(parameterized.TestCase):
    def test_classes_and_lone_queries(self):
        # Query 2 at 10: 10.6 is nearer than 11; query 3 at 11: 10.6 again. So class 7 has P@1 0, and its hit at rank 2.
        result = evaluate_retrieval(POINTS, LABELS, metrics=all_metrics())
        self.assertEqual(list(result.per_class()), [5, 7])
        for label, precision in ((5, 1.0), (7, 0.0)):
            scores = result.per_class()[label]
            self.assertEqual(scores["num_queries"], 2)
            self.assertEqual(scores["precision_at_1"], precision)
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

    def test_all_metrics_as_json(self):
        result = evaluate_retrieval(POINTS, LABELS, metrics=all_metrics())
        means, protocol, classes = json.loads(json.dumps([result.means, result.protocol, result.per_class()]))
        self.assertContainsSubset(all_metrics(), means)
        self.assertEqual(protocol, result.protocol)
        self.assertEqual(classes["5"]["map_at_r"], 1.0)
        # A validation computes the same with less.
        standard = retrieval_metrics(POINTS, LABELS)
        self.assertEqual({name: means[name] for name in standard}, standard)
