"""What only the triplet loss has: its count of triplets by sorting, where ties and long rows could go wrong."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import TripletLoss
from ccp.losses.triplet import sum_of_triplets
from ccp.pairs import Pairs


def looped(distances, positives, negatives, margin):
    """Sum of the active triplets, their number, and the gradient of the sum on the distances."""
    total, active, gradient = 0.0, 0, np.zeros_like(distances)
    for a, row in enumerate(distances):
        for p in np.flatnonzero(positives[a]):
            for n in np.flatnonzero(negatives[a]):
                if row[p] - row[n] + margin > 0:
                    total += row[p] - row[n] + margin
                    active += 1
                    gradient[a, p] += 1
                    gradient[a, n] -= 1
    return total, active, gradient


class SumOfTripletsTest(parameterized.TestCase, tf.test.TestCase):
    def assert_equals_loop(self, distances, positives, negatives, margin):
        total, active, gradient = looped(distances, positives, negatives, margin)
        scores = tf.constant(distances, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(scores)
            computed, computed_active = sum_of_triplets(scores, Pairs(positives, negatives), margin)
        self.assertAllClose(computed, total, rtol=1e-6)
        self.assertEqual(int(computed_active), active)
        self.assertAllEqual(tape.gradient(computed, scores), gradient)  # Counts: exact.

    @parameterized.product(margin=(0.0, 1.0, -1.0, 2.0), seed=tuple(range(6)))
    def test_integer_distances_tie_with_each_other_and_with_the_margin(self, margin, seed):
        random = np.random.default_rng(seed)
        shape = (random.integers(1, 8), random.integers(1, 20))
        distances = random.integers(0, 4, shape).astype(np.float64)
        kinds = random.integers(0, 3, shape)  # Neither, positive, negative.
        self.assert_equals_loop(distances, kinds == 1, kinds == 2, margin)

    @parameterized.parameters(*range(4))
    def test_many_positives_per_row(self, seed):
        random = np.random.default_rng(seed)
        distances = (random.integers(0, 2**12, (5, 60)) / 2**11).astype(np.float64)  # Exact in float32.
        kinds = np.where(random.random((5, 60)) < 0.8, 1, 2)
        self.assert_equals_loop(distances, kinds == 1, kinds == 2, margin=0.125)

    def test_rows_without_positives_or_negatives_beside_full_ones(self):
        distances = np.array([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0], [1.0, 1.0, 1.0], [2.0, 0.0, 1.0]])
        positives = np.array([[1, 1, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0]], bool)
        negatives = np.array([[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 1, 1]], bool)
        # Row 3 alone has both: 2 − 0 + 0.5 and 2 − 1 + 0.5.
        self.assert_equals_loop(distances, positives, negatives, margin=0.5)
        total, active = sum_of_triplets(tf.constant(distances, tf.float32), Pairs(positives, negatives), 0.5)
        self.assertAllClose((total, active), (4.0, 2.0))


class TripletLossTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        # The anchor is 0; its positives are at 0.25 and 0.5, its negatives at 0.25 and 1.
        # Margin 0: (0.25, 0.25) is 0 and not active, (0.5, 0.25) is 0.25: the mean of one.
        (0.0, "mean_of_active", 0.25),
        # Margin 0.5: 0.5, −0.25 (not active), 0.75, 0 (not active): the mean of two.
        (0.5, "mean_of_active", 1.25 / 2),
        # Over 1 anchor × 4 references × 4 references.
        (0.5, "mean", 1.25 / 16),
    )
    def test_by_hand(self, margin, reduction, expected):
        loss = TripletLoss(margin, reduction)
        value = loss.against([0], [[0.0]], [0, 0, 1, 2], [[0.25], [-0.5], [-0.25], [1.0]])
        self.assertAllClose(value, expected, rtol=1e-6)

    def test_the_normaliser_has_no_gradient(self):
        # Two active triplets: 0.5 − 0.25 + 0.1 and 0.5 − 0.375 + 0.1; their mean moves with p by 1, with each n by 1/2.
        references = tf.constant([[0.5], [0.25], [0.375]])
        with tf.GradientTape() as tape:
            tape.watch(references)
            loss = TripletLoss(0.1).against([0], [[0.0]], [0, 1, 1], references)
        self.assertAllClose(tape.gradient(loss, references), [[1.0], [-0.5], [-0.5]])
