"""Triplets at the size of real reference sets: 32 anchors against 4,000 references, against dense numpy."""

import numpy as np
import pytest

from ccp import TripletLoss
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


@pytest.mark.parametrize("margin", [0.0961, 0.0])
def test_triplets_equal_dense_numpy(margin):
    computed = loss_cases.value_and_gradients(TripletLoss(margin), LABELS, ANCHORS, REFERENCE_LABELS, POINTS)
    for value, dense in zip(computed, triplet(margin)):
        np.testing.assert_allclose(value, dense, rtol=1e-3, atol=1e-4 * np.abs(dense).max())
    np.testing.assert_allclose(computed[0], triplet(margin)[0], rtol=1e-5)
