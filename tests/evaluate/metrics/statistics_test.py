"""Means, deviations and Student's intervals."""

import itertools

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from evaluate.metrics.statistics import bootstrap_interval, crossed_interval, mean_scores, summary


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


class CrossedIntervalTest(tf.test.TestCase):
    def test_covers_as_often_as_it_says(self):
        # Scores that are sums of what four independent models add, as the decomposition supposes, around 0.
        random, repeats, covered = np.random.default_rng(0), 3, 0
        for _ in range(400):
            added = random.normal(size=(4, repeats))
            scores = {c: sum(added[f, i] for f, i in enumerate(c)) for c in itertools.product(range(repeats), repeat=4)}
            low, high = crossed_interval(scores, repeats)
            covered += low <= 0 <= high
        # 95% of 400 is 380, with a deviation of 4.4.
        self.assertBetween(covered, 362, 397)

    def test_one_repeat_has_none(self):
        self.assertIsNone(crossed_interval({(0, 0, 0, 0): 0.5}, 1))


class BootstrapIntervalTest(tf.test.TestCase):
    def test_covers_the_mean_as_the_normal_approximation_does(self):
        # 400 queries, 100 of them 1: mean 0.25, standard error sqrt(0.25 · 0.75 / 400) = 0.02165, ± 1.96 of that.
        low, high = bootstrap_interval(np.repeat([0.0, 1.0], [300, 100]))
        self.assertAlmostEqual(low, 0.25 - 0.0424, delta=0.006)
        self.assertAlmostEqual(high, 0.25 + 0.0424, delta=0.006)

    def test_what_does_not_vary_has_no_width(self):
        self.assertEqual(bootstrap_interval(np.full(7, 0.5)), [0.5, 0.5])
