"""The size of real reference sets: 32 anchors against 4,000 references, value and gradients against dense numpy."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ContrastiveLoss, MultiSimilarityLoss, TripletLoss
from tests.support import loss_cases

BATCH, REFERENCES, SIZE, CLASSES = 32, 4000, 16, 40
RANDOM = np.random.default_rng(0)
LABELS, REFERENCE_LABELS = np.arange(BATCH) // 4, RANDOM.integers(0, CLASSES, REFERENCES)
POSITIVES = LABELS[:, np.newaxis] == REFERENCE_LABELS[np.newaxis, :]


def inside_the_ball(count):
    """Float32 vectors of norm 0.3 to 0.9: normalisation leaves them, and so the dense reference, alone."""
    directions = RANDOM.normal(size=(count, SIZE))
    directions *= RANDOM.uniform(0.3, 0.9, (count, 1)) / np.linalg.norm(directions, axis=1, keepdims=True)
    return directions.astype(np.float32)


ANCHORS, POINTS = inside_the_ball(BATCH), inside_the_ball(REFERENCES)
DIFFERENCES = ANCHORS.astype(np.float64)[:, np.newaxis] - POINTS.astype(np.float64)[np.newaxis]
DISTANCES = np.sqrt((DIFFERENCES**2).sum(-1))


def through_distances(slopes):
    """Gradients on anchors and references, from those on the distances [anchors, references]."""
    terms = (slopes / DISTANCES)[..., np.newaxis] * DIFFERENCES
    return terms.sum(1), -terms.sum(0)


def triplet(margin):
    total, active, slopes = 0.0, 0, np.zeros_like(DISTANCES)
    for row, positive, slope in zip(DISTANCES, POSITIVES, slopes):  # A chunk of positives × negatives per anchor.
        hinges = row[positive][:, np.newaxis] - row[~positive][np.newaxis, :] + margin
        above = hinges > 0
        total, active = total + hinges[above].sum(), active + above.sum()
        slope[positive], slope[~positive] = above.sum(1), -above.sum(0)
    return total / active, *through_distances(slopes / active)


def contrastive(pos_margin, neg_margin):
    pulls, pushes = POSITIVES & (pos_margin < DISTANCES), ~POSITIVES & (neg_margin > DISTANCES)
    value = (DISTANCES[pulls] - pos_margin).mean() + (neg_margin - DISTANCES[pushes]).mean()
    return value, *through_distances(pulls / pulls.sum() - pushes / pushes.sum())


def multi_similarity(alpha, beta, base):
    shifted = ANCHORS.astype(np.float64) @ POINTS.astype(np.float64).T - base
    pulls, pushes = np.where(POSITIVES, np.exp(-alpha * shifted), 0), np.where(POSITIVES, 0, np.exp(beta * shifted))
    pull, push = 1 + pulls.sum(1, keepdims=True), 1 + pushes.sum(1, keepdims=True)
    slopes = (pushes / push - pulls / pull) / BATCH
    return (np.log(pull) / alpha + np.log(push) / beta).mean(), slopes @ POINTS, slopes.T @ ANCHORS


class ScaleTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.named_parameters(
        ("triplet", TripletLoss(0.0961), triplet(0.0961)),
        ("triplet_margin_0", TripletLoss(0.0), triplet(0.0)),
        ("contrastive", ContrastiveLoss(0.2652, 0.5409), contrastive(0.2652, 0.5409)),
        ("multi_similarity", MultiSimilarityLoss(2.0, 40.0, 0.5), multi_similarity(2.0, 40.0, 0.5)),
    )
    def test_equals_dense_numpy(self, loss, expected):
        computed = loss_cases.value_and_gradients(loss, LABELS, ANCHORS, REFERENCE_LABELS, POINTS)
        self.assertAllClose(computed[0], expected[0], rtol=1e-5)
        for gradient, dense in zip(computed[1:], expected[1:]):
            self.assertAllClose(gradient, dense, rtol=1e-3, atol=1e-4 * np.abs(dense).max())
