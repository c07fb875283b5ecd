"""Means, deviations and Student's intervals."""

import tensorflow as tf
from absl.testing import parameterized

from evaluate.statistics import mean_scores, summary


class SummaryTest(parameterized.TestCase, tf.test.TestCase):
    def test_three_repeats(self):
        # Mean 3, deviation sqrt((4 + 0 + 4) / 2) = 2; t(0.975, 2) = 4.302653, times 2 / sqrt(3) = 4.968276.
        result = summary([1.0, 3.0, 5.0])
        self.assertAllClose([result["mean"], result["deviation"]], [3.0, 2.0])
        self.assertAllClose(result["interval_95"], [3 - 4.968276, 3 + 4.968276], rtol=1e-6)
        self.assertEqual(result["count"], 3)

    def test_one_repeat_has_no_spread(self):
        self.assertEqual(summary([0.5]), {"mean": 0.5, "deviation": None, "interval_95": None, "count": 1})

    def test_means_by_name(self):
        self.assertEqual(mean_scores([{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 2.0}]), {"a": 2.0, "b": 2.0})
