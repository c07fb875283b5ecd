import math

import tensorflow as tf

from ccp import SoftTripleLoss


class SoftTripleLossTest(tf.test.TestCase):
    def test_by_hand(self):
        # Anchor (1, 0) of class 0, whose centres are at s = 1 and 0; class 1 has one at s = 0.6, of length 0.5 before
        # it is normalised. Gamma 1: similarity to class 0 is (e · 1 + 1 · 0)/(e + 1). Scale 2, margin 0.1, no tau.
        own = 2 * (math.e / (math.e + 1) - 0.1)
        expected = math.log(math.exp(own) + math.exp(2 * 0.6)) - own
        loss = SoftTripleLoss(scale=2, gamma=1, margin=0.1, tau=0)
        centers = [[1.0, 0.0], [0.0, 0.2], [0.3, 0.4]]
        self.assertAllClose(loss.against([0], [[1.0, 0.0]], [0, 0, 1], centers), expected, rtol=1e-6)

    def test_distances_between_centers_by_hand(self):
        # C = 2 classes of K = 3 centres, C K (K − 1) = 12. Class 0 holds two unit vectors at right angles and a copy
        # of the first: √2 + 0 + √2. Class 1 holds three copies: 0. The anchors' class is far from deciding:
        # the cross-entropy is the same with and without tau.
        x, y = [1.0, 0.0], [0.0, 1.0]
        arguments = ([0, 1], [x, y], [0, 0, 0, 1, 1, 1], [x, y, x, y, y, y])
        with_tau = SoftTripleLoss(tau=0.3).against(*arguments)
        without = SoftTripleLoss(tau=0.0).against(*arguments)
        self.assertAllClose(with_tau - without, 0.3 * 2 * math.sqrt(2) / 12, rtol=1e-5)

    def test_gradient_where_centers_coincide(self):
        centers = tf.constant([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
        with tf.GradientTape() as tape:
            tape.watch(centers)
            # One class: no cross-entropy. Half a pair's distance is √(2 − 2 c·c'): (0 + √2 + √2)/6.
            loss = SoftTripleLoss(tau=1).against([0], [[0.6, 0.8]], [0, 0, 0], centers)
        self.assertAllClose(loss, 2 * math.sqrt(2) / 6, rtol=1e-6)
        # d√(2 − 2 c·c')/dc = −c'/√2 between the third and each of the others, nothing between the two that coincide.
        pull = 1 / math.sqrt(2) / 6
        self.assertAllClose(tape.gradient(loss, centers), [[0, -pull], [0, -pull], [-2 * pull, 0]], rtol=1e-5)

    def test_equal_centers_of_any_length_cost_nothing(self):
        # Of length 0.9 they cost √(2 − 2 · 0.81) / 2 = 0.308 before they were normalised.
        for length in (1e-3, 0.9, 1.0, 3.0):
            center = [length * 0.48, length * 0.6, length * 0.64]
            value = SoftTripleLoss(tau=1).against([0], [[0.6, 0.8, 0.0]], [0, 0], [center, center])
            self.assertEqual(value, 0.0)  # One class: no cross-entropy.

    def test_gradients_of_zero_and_of_tiny_centers_are_finite(self):
        centers = tf.constant([[0.0, 0.0], [0.0, 0.0], [1e-30, 0.0], [0.3, 0.4]])
        with tf.GradientTape() as tape:
            tape.watch(centers)
            loss = SoftTripleLoss(tau=1).against([0, 1], [[0.6, 0.8], [1.0, 0.0]], [0, 0, 1, 1], centers)
        self.assertAllInRange(tape.gradient(loss, centers), -1e8, 1e8)
