import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.losses.reductions import log_one_plus_sum_exp, reduce_hinges


class ReduceHingesTest(tf.test.TestCase):
    def test_mean_of_active(self):
        self.assertAllClose(reduce_hinges(tf.constant([[0.0, 1.0], [3.0, 0.0]]), "mean_of_active"), 2.0)

    def test_mean(self):
        self.assertAllClose(reduce_hinges(tf.constant([[0.0, 1.0], [3.0, 0.0]]), "mean"), 1.0)

    def test_nothing_active_is_0_with_gradient_0(self):
        for reduction in ("mean_of_active", "mean"):
            for shape in ((2, 3), (2, 0)):
                hinges = tf.zeros(shape)
                with tf.GradientTape() as tape:
                    tape.watch(hinges)
                    value = reduce_hinges(hinges, reduction)
                self.assertEqual(float(value), 0.0)
                self.assertAllInRange(tf.reduce_sum(tape.gradient(value, hinges)), 0.0, 1.0)

    def test_the_count_has_no_gradient(self):
        hinges = tf.constant([[0.5, 1.5, 0.0]])
        with tf.GradientTape() as tape:
            tape.watch(hinges)
            value = reduce_hinges(hinges, "mean_of_active")
        self.assertAllClose(tape.gradient(value, hinges)[0, :2], [0.5, 0.5])


class LogOnePlusSumExpTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(0, 1)
    def test_equals_the_sum_over_masked_entries(self, axis):
        random = np.random.default_rng(0)
        exponents, mask = random.normal(size=(4, 5)), random.random((4, 5)) < 0.5
        expected = np.log1p(np.where(mask, np.exp(exponents), 0.0).sum(axis))
        self.assertAllClose(log_one_plus_sum_exp(tf.constant(exponents, tf.float32), mask, axis), expected)

    @parameterized.parameters(
        (200.0, 200.0),  # log(1 + e²⁰⁰).
        (1e30, 1e30),
        (-200.0, 0.0),
        (-1e30, 0.0),
        (0.0, math.log(2)),
    )
    def test_extremes(self, exponent, expected):
        exponents = tf.constant([[exponent, -exponent]])
        with tf.GradientTape() as tape:
            tape.watch(exponents)
            value = log_one_plus_sum_exp(exponents, tf.constant([[True, False]]), axis=1)
        self.assertAllClose(value, [expected], rtol=1e-6)
        # The gradient is the logistic function of the exponent; nothing on what is masked out, however large.
        logistic = 1.0 if exponent > 0 else 0.5 if exponent == 0 else 0.0
        self.assertAllClose(tape.gradient(value, exponents), [[logistic, 0.0]], atol=1e-6)

    def test_an_empty_mask_is_exactly_0(self):
        exponents = tf.constant([[5.0, 1e30]])
        with tf.GradientTape() as tape:
            tape.watch(exponents)
            value = log_one_plus_sum_exp(exponents, tf.zeros((1, 2), tf.bool), axis=1)
        self.assertAllEqual(value, [0.0])
        self.assertAllEqual(tape.gradient(value, exponents), [[0.0, 0.0]])
