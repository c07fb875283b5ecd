import tensorflow as tf
from absl.testing import parameterized

from ccp import ContrastiveLoss, CosineContrastiveLoss

# On a line, distances are differences: 0 and 1 are 0.25 apart, 0 and 2 0.5, 1 and 2 0.25, 3 is far from all.
POINTS = [[0.0], [0.25], [0.5], [-0.5]]
LABELS = [0, 0, 1, 1]


class ContrastiveLossTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        # Positives, each seen from both ends: d(0,1) = 0.25, d(2,3) = 1. Negatives: d(0,2) = 0.5, d(0,3) = 0.5,
        # d(1,2) = 0.25, d(1,3) = 0.75.
        # Both positives are beyond 0.1: (0.15 + 0.9)/2. Of the negatives only 0.25 is below 0.4: 0.15.
        (0.1, 0.4, "mean_of_active", 0.525 + 0.15),
        # Only d(2,3) is beyond 0.4: 0.6. Negatives below 0.6: 0.5, 0.5 and 0.25: (0.1 + 0.1 + 0.35)/3.
        (0.4, 0.6, "mean_of_active", 0.6 + 0.55 / 3),
        # The same sums, seen from both ends, over the 4 × 4 entries.
        (0.4, 0.6, "mean", 2 * (0.6 + 0.55) / 16),
        # At a margin that is met exactly a pair is not active: positive 1 against 1, negative 0.25 against 0.25.
        (1.0, 0.25, "mean_of_active", 0.0),
    )
    def test_by_hand(self, pos_margin, neg_margin, reduction, expected):
        self.assertAllClose(ContrastiveLoss(pos_margin, neg_margin, reduction)(LABELS, POINTS), expected, rtol=1e-6)

    def test_gradient_by_hand(self):
        points = tf.constant(POINTS)
        with tf.GradientTape() as tape:
            tape.watch(points)
            loss = ContrastiveLoss(0.4, 0.6)(LABELS, points)
        # Positive (2,3) alone is active: the mean over its two ends is d(2,3) = x2 − x3 + …, so +1 and −1. Negatives:
        # −1/3 of d(0,2) = x2 − x0, of d(0,3) = x0 − x3 and of d(1,2) = x2 − x1.
        expected = [[1 / 3 - 1 / 3], [1 / 3], [1 - 1 / 3 - 1 / 3], [-1 + 1 / 3]]
        self.assertAllClose(tape.gradient(loss, points), expected, atol=1e-6)

    def test_positives_and_negatives_are_averaged_apart(self):
        # One active positive of 0.5 and two active negatives of 0.25: 0.5 + 0.25, not (0.5 + 0.25 + 0.25)/3.
        loss = ContrastiveLoss(0.0, 0.5)
        self.assertAllClose(loss.against([0], [[0.0]], [0, 1, 2], [[0.5], [0.25], [-0.25]]), 0.75)

    def test_refuses_an_unknown_reduction(self):
        with self.assertRaisesRegex(ValueError, "'sum'.*mean_of_active, mean"):
            ContrastiveLoss(pair_reduction="sum")


class CosineContrastiveLossTest(tf.test.TestCase):
    def test_by_hand(self):
        # Similarities on a line are products. Positive: (0.5, 1) 0.5. Negatives of 2, at 0.75: 0.375 and 0.75.
        # Positives cost 1 − 1e-5 − 0.5 from either end; of the negatives 0.75 is above the margin, by 0.25, from
        # either end. Divided by the three anchors.
        loss = CosineContrastiveLoss(margin=0.5)([0, 0, 1], [[0.5], [1.0], [0.75]])
        self.assertAllClose(loss, 2 * (0.5 - 1e-5 + 0.25) / 3, rtol=1e-6)

    def test_leaves_copies_of_the_anchor_out(self):
        # Among the references: the anchor itself (s = 1: nothing), and a positive at s = 0.5.
        loss = CosineContrastiveLoss(margin=0.5).against([0], [[1.0, 0.0]], [0, 0], [[1.0, 0.0], [0.5, 0.5]])
        self.assertAllClose(loss, 0.5 - 1e-5, rtol=1e-6)
