"""Names and titles of metrics, and a metric from outside."""

import pathlib
from unittest import mock

import numpy as np
from absl.testing import parameterized

from ccp.errors import ConfigError
from evaluate import evaluate_retrieval
from evaluate.metrics import registry
from evaluate.metrics.ranked_hits import Scores
from evaluate.metrics.registry import METRICS, STANDARD, Metric, all_metrics, find_metric, title


def any_in_four(hits) -> Scores:
    """A toy metric: the share of relevant references among the nearest 4, the same in every order."""
    found = (hits.relevant * (hits.ahead < 4)).sum(axis=1) / 4
    return Scores(found, found, found)


class RegistryTest(parameterized.TestCase):
    def test_titles(self):
        self.assertEqual([title(name) for name in STANDARD], ["P@1", "P@R", "MAP@R"])
        self.assertEqual(
            [title(name) for name in ("recall_at_10", "map_at_20", "precision_at_5")], ["R@10", "MAP@20", "P@5"]
        )

    @parameterized.parameters("recall_at_0", "map_at_x", "precision_at_k", "")
    def test_unknown(self, name):
        with self.assertRaises(ConfigError):
            find_metric(name)

    def test_all(self):
        self.assertContainsSubset({*STANDARD, "recall_at_1", "recall_at_1000", "map_at_10"}, all_metrics())

    def test_one_line_and_one_function_add_a_metric(self):
        entries = {**METRICS, "toy": Metric("Toy", f"{__name__}:any_in_four")}
        with mock.patch.object(registry, "METRICS", registry.Registry("metric", entries)):
            self.assertIn("toy", all_metrics())
            # On a line: of the other 4, one is of the query's class.
            result = evaluate_retrieval(np.arange(5.0)[:, np.newaxis], [0, 0, 1, 1, 2], metrics=["toy"])
        self.assertEqual(result.means, {"toy": 0.25})

    def test_every_metric_is_in_the_docs(self):
        docs = (pathlib.Path(__file__).parents[3] / "docs" / "evaluation.md").read_text()
        for metric in METRICS.values():
            self.assertIn(metric.title, docs)
