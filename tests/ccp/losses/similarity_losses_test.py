"""Multi-similarity, ProxyAnchor and ProxyNCA++ by hand; on a line similarities are products."""

import math

import tensorflow as tf
from absl.testing import parameterized

from ccp import MultiSimilarityLoss, ProxyAnchorLoss, ProxyNCALoss


class MultiSimilarityLossTest(parameterized.TestCase, tf.test.TestCase):
    def test_by_hand(self):
        # Anchor 1 of class 0: positives at s = 0.5 and 1, a negative at s = 0.75; base 0.5, alpha 2, beta 4.
        # Σp exp(−2 · 0) + exp(−2 · 0.5) = 1 + e⁻¹, Σn exp(4 · 0.25) = e.
        expected = math.log(2 + math.exp(-1)) / 2 + math.log(1 + math.e) / 4
        loss = MultiSimilarityLoss(alpha=2, beta=4, base=0.5)
        self.assertAllClose(loss.against([0], [[1.0]], [0, 0, 1], [[0.5], [1.0], [0.75]]), expected, rtol=1e-6)

    def test_mean_over_anchors(self):
        # Each anchor has the other as its one positive, at s = 0.5 = base: log(1 + e⁰)/2 from both.
        self.assertAllClose(MultiSimilarityLoss(2, 4, 0.5)([0, 0], [[1.0], [0.5]]), math.log(2) / 2, rtol=1e-6)

    def test_does_not_overflow(self):
        # exp(1000 · 1.5) is beyond float64. log(1 + e¹⁵⁰⁰)/1000 = 1.5, for the negative and for the positive.
        loss = MultiSimilarityLoss(alpha=1000, beta=1000, base=-0.5)
        self.assertAllClose(loss.against([0], [[1.0]], [1], [[1.0]]), 1.5, rtol=1e-6)
        loss = MultiSimilarityLoss(alpha=1000, beta=1000, base=0.5)
        self.assertAllClose(loss.against([0], [[1.0]], [0], [[-1.0]]), 1.5, rtol=1e-6)

    @parameterized.parameters({"alpha": 0}, {"beta": -1})
    def test_refuses_sharpness_of_0_or_below(self, **settings):
        with self.assertRaisesRegex(ValueError, "alpha and beta must be above 0; got alpha=.*beta="):
            MultiSimilarityLoss(**settings)


class ProxyAnchorLossTest(tf.test.TestCase):
    def test_by_hand(self):
        # Proxies are the anchors: A = 1 of class 0, B = 0.5 of class 1, C = −1 of class 2, which has no positives.
        # Samples 0.5 (class 0) and 1 (class 1): s with A 0.5, 1; with B 0.25, 0.5; with C −0.5, −1.
        # Scale 2, margin 0.1. Positives: A with sample 0, exp(−2 · 0.4); B with sample 1, exp(−2 · 0.4).
        pulls = math.log(1 + math.exp(-0.8))  # The mean of two equal ones: C, without positives, does not count.
        # Negatives: A exp(2 · 1.1), B exp(2 · 0.35), C exp(2 · −0.4) + exp(2 · −0.9); all three have some.
        sums = (math.exp(2.2), math.exp(0.7), math.exp(-0.8) + math.exp(-1.8))
        pushes = sum(math.log(1 + x) for x in sums) / 3
        loss = ProxyAnchorLoss(margin=0.1, scale=2)
        value = loss.against([0, 1], [[0.5], [1.0]], [0, 1, 2], [[1.0], [0.5], [-1.0]])
        self.assertAllClose(value, pulls + pushes, rtol=1e-6)

    def test_refuses_a_scale_of_0(self):
        with self.assertRaisesRegex(ValueError, "scale must be above 0; got 0"):
            ProxyAnchorLoss(scale=0)


class ProxyNCALossTest(tf.test.TestCase):
    def test_by_hand(self):
        # Anchor 1: own proxies at s = 0.5 and 0, another at s = 1; temperature 0.5 doubles them.
        expected = -math.log((math.exp(1) + 1) / (math.exp(1) + 1 + math.exp(2)))
        loss = ProxyNCALoss(temperature=0.5)
        self.assertAllClose(loss.against([4], [[1.0]], [4, 4, 2], [[0.5], [0.0], [1.0]]), expected, rtol=1e-6)

    def test_mean_over_anchors_that_have_a_proxy(self):
        # Class 9 has no proxy. The other anchor's mass is 1/2: its two proxies are alike.
        loss = ProxyNCALoss(temperature=0.5)
        value = loss.against([4, 9], [[1.0], [1.0]], [4, 2], [[0.5], [0.5]])
        self.assertAllClose(value, math.log(2), rtol=1e-6)

    def test_does_not_overflow_or_lose_a_far_away_proxy(self):
        # Logits −500 and 500: −log(e⁻⁵⁰⁰/(e⁻⁵⁰⁰ + e⁵⁰⁰)) = 1000; its slope is (1 − −1)/0.001.
        anchor = tf.constant([[0.5]])
        with tf.GradientTape() as tape:
            tape.watch(anchor)
            loss = ProxyNCALoss(temperature=0.001).against([0], anchor, [0, 1], [[-1.0], [1.0]])
        self.assertAllClose(loss, 1000.0, rtol=1e-6)
        self.assertAllClose(tape.gradient(loss, anchor), [[2000.0]], rtol=1e-6)

    def test_refuses_a_temperature_of_0(self):
        with self.assertRaisesRegex(ValueError, "temperature must be above 0; got 0"):
            ProxyNCALoss(temperature=0)
