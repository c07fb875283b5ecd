"""Virtual softmax by hand; that it equals its plain loop, and all else that losses share, is in the other files."""

import math

import numpy as np
import tensorflow as tf

from ccp.losses import ProxyNCALoss, VirtualSoftmaxLoss
from tests.support import loss_cases


class VirtualSoftmaxLossTest(tf.test.TestCase):
    def test_by_hand(self):
        # Anchor 1; its proxy at s = 0.5, of length 0.5: so is the virtual one. Another proxy at s = −1. Scale 2.
        expected = -math.log(math.e / (math.e + math.exp(-2) + math.e))
        loss = VirtualSoftmaxLoss(scale=2).against([0], [[1.0]], [0, 1], [[0.5], [-1.0]])
        self.assertAllClose(loss, expected, rtol=1e-6)

    def test_the_virtual_proxy_is_as_long_as_the_own_one_and_along_the_anchor(self):
        # Anchor of length 0.5 at right angles to both proxies, the own one of length 0.8: virtual s = 0.4.
        loss = VirtualSoftmaxLoss(scale=1).against([0], [[0.5, 0.0]], [0, 1], [[0.0, 0.8], [0.0, -1.0]])
        self.assertAllClose(loss, math.log(2 + math.exp(0.4)), rtol=1e-6)

    def test_outside_the_ball_it_is_a_softmax_with_one_logit_of_the_scale(self):
        # −log m of the own mass m is ProxyNCA++'s; the virtual logit adds e^scale to the denominator.
        sample = loss_cases.Sample.of([0], [0, 1, 2])
        outside = (sample.labels, 5 * sample.embeddings, sample.reference_labels, 5 * sample.references)
        units = [row / np.linalg.norm(row) for row in sample.references]
        logits = [3 * float(unit @ sample.embeddings[0] / np.linalg.norm(sample.embeddings[0])) for unit in units]
        without = sum(math.exp(x) for x in logits)
        gain = math.log((without + math.exp(3)) / without)
        difference = VirtualSoftmaxLoss(scale=3).against(*outside) - ProxyNCALoss(temperature=1 / 3).against(*outside)
        self.assertAllClose(difference, gain, rtol=1e-5)

    def test_a_perfect_anchor_still_costs_log_2(self):
        # Own and virtual proxy coincide; e⁻⁸⁰ of the other one is nothing. Also with two proxies per class.
        for own in (1, 2):
            loss = VirtualSoftmaxLoss(scale=40).against([0], [[1.0]], [0] * own + [1], [[1.0]] * own + [[-1.0]])
            self.assertAllClose(loss, math.log(2), rtol=1e-5)  # Of a difference of logits of 40.

    def test_does_not_overflow(self):
        # Own logit −500, virtual and other ones 500: log(e⁻⁵⁰⁰ + 2 e⁵⁰⁰) + 500.
        loss = VirtualSoftmaxLoss(scale=500).against([0], [[1.0]], [0, 1], [[-1.0], [1.0]])
        self.assertAllClose(loss, 1000 + math.log(2), rtol=1e-6)

    def test_the_gradient_at_the_zero_vector_compiled_by_xla(self):
        # At 0 both logits are 0 and the virtual one has no slope: 2 · (w₁ − 2 w₀)/3.
        compiled = tf.function(loss_cases.value_and_gradients, jit_compile=True)
        proxies = [[0.3, 0.0], [0.0, 0.3]]
        _, gradient, _ = compiled(VirtualSoftmaxLoss(scale=2), [0], tf.zeros((1, 2)), [0, 1], tf.constant(proxies))
        self.assertAllClose(gradient, [[2 * -0.6 / 3, 2 * 0.3 / 3]], rtol=1e-6)

    def test_refuses_a_scale_of_0(self):
        with self.assertRaisesRegex(ValueError, "scale must be above 0; got 0"):
            VirtualSoftmaxLoss(scale=0)
