import itertools
import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ContrastiveLoss, TripletLoss
from ccp.methods.mdr import DistanceLevels, MDRLoss
from tests.support import finite_differences, loss_cases, oracles

LEVELS = (-1.5, 0.1, 1.2)
BATCHES = [loss_cases.sample([0, 0, 1, 1, 2], seed=seed) for seed in range(4)]


def from_mean(embeddings):
    """Distance of each pair over their mean, less 1."""
    pairs = list(itertools.combinations(np.asarray(embeddings, np.float64), 2))
    lengths = [oracles.euclidean(a, b) for a, b in pairs]
    return [length / (sum(lengths) / len(lengths)) - 1 for length in lengths]


def batch_deviation(embeddings):
    return math.sqrt(sum(x * x for x in from_mean(embeddings)) / len(from_mean(embeddings)))


def regularizer(embeddings, levels, deviation):
    terms = [min(abs(x / deviation - level) for level in levels) for x in from_mean(embeddings)]
    return sum(terms) / len(terms)


class DistanceLevelsTest(parameterized.TestCase, tf.test.TestCase):
    def test_by_hand(self):
        # On a line, 0, 1 and 3: distances 1, 2, 3, over their mean ½, 1, 1½. The deviation is √((¼ + 0 + ¼)/3) = 1/√6,
        # so that d̄ is −√6/2, 0, √6/2 = ±1.22, each nearest to level 0.
        layer = DistanceLevels((-3, 0, 3), momentum=0.9)
        value = layer.regularize([[0.0], [1.0], [3.0]])
        self.assertAllClose(layer.deviation, 1 / math.sqrt(6))
        self.assertAllClose(value, 2 / 3 * math.sqrt(6) / 2)

    @parameterized.parameters(0.0, 0.6, 0.9)
    def test_equals_loops_over_several_batches(self, momentum):
        layer, deviation = DistanceLevels(LEVELS, momentum), None
        for sample in BATCHES:
            own = batch_deviation(sample.embeddings)
            deviation = own if deviation is None else momentum * deviation + (1 - momentum) * own
            value = layer.regularize(sample.embeddings)
            self.assertAllClose(layer.deviation, deviation, rtol=1e-5)
            self.assertAllClose(value, regularizer(sample.embeddings, LEVELS, deviation), rtol=1e-5)

    def test_gradients(self):
        layer = DistanceLevels(LEVELS, momentum=0.6)
        layer.regularize(BATCHES[0].embeddings)
        embeddings = tf.constant(BATCHES[1].embeddings)
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            value = layer.regularize(embeddings)
        d_embeddings, d_levels = tape.gradient(value, [embeddings, layer.levels])
        deviation = float(layer.deviation)  # Not differentiated; the mean distance is.
        expected = finite_differences.gradient(lambda e: regularizer(e, LEVELS, deviation), BATCHES[1].embeddings)
        self.assertAllClose(d_embeddings, expected, rtol=1e-4, atol=1e-5)
        expected = finite_differences.gradient(lambda ls: regularizer(BATCHES[1].embeddings, ls, deviation), LEVELS)
        self.assertGreater(np.abs(expected).min(), 0)
        self.assertAllClose(d_levels, expected, rtol=1e-5)

    def test_only_proportions_count(self):
        values = [DistanceLevels(LEVELS, 0.9).regularize(scale * BATCHES[0].embeddings) for scale in (0.01, 1, 1000)]
        self.assertAllClose(values, [values[1]] * 3, rtol=1e-4)

    @parameterized.parameters(([[0.3, 0.4]],), ([[0.3, 0.4], [0.9, -0.4]],), ([[0.5, 0.5]] * 4,), ([[0.0, 0.0]] * 4,))
    def test_no_two_different_distances(self, embeddings):
        layer = DistanceLevels(LEVELS, momentum=0.6)
        embeddings = tf.constant(embeddings)
        for kept in (0.0, 0.25):  # Before a first deviation, and after it.
            layer.deviation.assign(kept)
            with tf.GradientTape() as tape:
                tape.watch(embeddings)
                value = layer.regularize(embeddings)
            self.assertAllEqual(layer.deviation, kept)
            # All distances are at the mean: level 0.1 is the nearest. A single example has no distances.
            self.assertAllClose(value, 0.1 if len(embeddings) > 1 else 0.0, rtol=1e-4)
            self.assertAllClose(tape.gradient(value, embeddings), np.zeros(embeddings.shape), atol=1e-4)


class MDRLossTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters((0.6, 0.01), (2.0, 0.0), (0.0, 0.3))
    def test_is_the_sum_of_its_terms(self, weight, level_weight):
        settings = {"pos_margin": 0.1, "neg_margin": 0.9}
        loss = MDRLoss(ContrastiveLoss(**settings), weight, LEVELS, level_weight=level_weight)
        batch = BATCHES[0].arguments("batch")
        expected = oracles.contrastive(oracles.Problem(*batch), **settings)
        expected += weight * regularizer(batch[1], LEVELS, batch_deviation(batch[1]))
        expected += level_weight * (1.5**2 + 0.1**2 + 1.2**2)
        self.assertAllClose(loss(*batch), expected, rtol=1e-5)

    @parameterized.parameters(
        ({"distance_weight": -0.1}, "distance_weight must be at least 0; got -0.1"),
        ({"level_weight": -1}, "level_weight at least 0; got levels .*, momentum 0.9 and level_weight -1"),
        ({"levels": ()}, r"at least one level.*got levels \[\]"),
        ({"momentum": 1.0}, "momentum must be from 0 to below 1.*momentum 1.0"),
    )
    def test_refuses_settings_out_of_range(self, settings, message):
        with self.assertRaisesRegex(ValueError, message):
            MDRLoss(TripletLoss(), **settings)
