import math

import tensorflow as tf
from absl.testing import parameterized

from ccp.losses.reductions import log_one_plus_sum_exp, reduce_hinges


class ReduceHingesTest(tf.test.TestCase):
    def test_nothing_active_is_0_with_gradient_0(self):
        for reduction in ("mean_of_active", "mean"):
            for shape in ((2, 3), (2, 0)):
                hinges = tf.zeros(shape)
                with tf.GradientTape() as tape:
                    tape.watch(hinges)
                    value = reduce_hinges(hinges, reduction)
                self.assertEqual(float(value), 0.0)
                self.assertAllInRange(tf.reduce_sum(tape.gradient(value, hinges)), 0.0, 1.0)


class LogOnePlusSumExpTest(parameterized.TestCase, tf.test.TestCase):
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
