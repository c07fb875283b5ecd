"""Losses of systems that the paper compares with, against values recorded from others' code.

``tuplet_margin`` and ``ranked_list`` are from PyTorch Metric Learning 2.9.0, whose ranked list loss adds 1e-5 to each
weight in the denominators and differentiates its weights, so that its gradient is another; ``contrastive_bayesian`` is
from its authors' code. Embeddings are of length 1.
"""

import itertools

import numpy as np
import pytest

import ccp
from ccp.pairs import pairs_within
from tests.support import loss_cases, recorded

RECORDED = {
    "tuplet_margin": ccp.TupletMarginLoss(scale=64.0, margin=0.1),
    "ranked_list": ccp.RankedListLoss(margin=0.4, boundary=1.2, negative_sharpness=10.0),
    "contrastive_bayesian/log": ccp.ContrastiveBayesianLoss(),
    **{
        f"contrastive_bayesian/{form}": ccp.ContrastiveBayesianLoss(
            negative_width=0.3, margin=0.4, extreme_share=0.3, form=form
        )
        for form in ("sqrt", "constant")
    },
}


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_values(name):
    values = recorded.cited()
    loss = RECORDED[name]
    value, gradient = loss_cases.value_and_gradients(loss, values["labels"], values["embeddings"])
    recorded.assert_matches(value, values[f"{name}/loss"], tolerance=1e-4 if name == "ranked_list" else 1e-5)
    if name != "ranked_list":
        # Others stretch vectors to length 1, so that their gradients have no part along the vector.
        along = np.sum(gradient * values["embeddings"], axis=1, keepdims=True) * values["embeddings"]
        theirs = values[f"{name}/d_embeddings"]
        theirs = theirs - np.sum(theirs * values["embeddings"], axis=1, keepdims=True) * values["embeddings"]
        recorded.assert_matches(gradient - along, theirs, tolerance=2e-5)


def test_tuplet_margin_by_hand():
    # A positive at 60° counts as at 30°; negatives at 90° and 0°: log(1 + e^(−2 cos 30°) + e^(2 − 2 cos 30°)).
    loss = ccp.TupletMarginLoss(scale=2.0, margin=np.pi / 6)
    references = [[0.5, 0.75**0.5], [0.0, 1.0], [1.0, 0.0]]
    value = loss.against([0], [[1.0, 0.0]], [0, 1, 2], references)
    np.testing.assert_allclose(value, np.log1p(np.exp(-(3**0.5)) + np.exp(2 - 3**0.5)), rtol=1e-5)


def test_ranked_list_by_hand():
    # Anchor 0 on a line. Positives at 0.5 and 1 are beyond 0.8 − 0.4 by 0.1 and 0.6; of the negatives at 0.2, 0.6 and
    # 0.9 two are within 0.8, by 0.6 and 0.2, and weigh e^(0.6 ln 4 / 0.4) : e^(0.2 ln 4 / 0.4) = 4 : 1.
    loss = ccp.RankedListLoss(0.4, 0.8, negative_sharpness=np.log(4) / 0.4, negative_share=0.25)
    value = loss.against([0], [[0.0]], [0, 0, 1, 1, 2], [[0.5], [-1.0], [0.2], [-0.6], [0.9]])
    np.testing.assert_allclose(value, 0.75 * (0.1 + 0.6) / 2 + 0.25 * (4 * 0.6 + 0.2) / 5, rtol=1e-5)


def test_triplet_upper_bound_is_one():
    """Σ over triplets of d(a, p) − d(a, n) is at most 3 (C − 1)(n − 1) n N · the loss, for C classes of n."""
    classes, each = 3, 4
    for seed in range(5):
        sample = loss_cases.sample(np.repeat(range(classes), each), range(classes), seed=seed)
        points = sample.embeddings / np.linalg.norm(sample.embeddings, axis=1, keepdims=True)
        apart = np.linalg.norm(points[:, np.newaxis] - points, axis=2)
        positives, negatives = (np.asarray(mask) for mask in pairs_within(sample.labels))
        rows = range(len(points))
        triplets = sum(
            apart[a, p] - apart[a, n]
            for a, p, n in itertools.product(rows, rows, rows)
            if positives[a, p] and negatives[a, n]
        )
        loss = ccp.TripletUpperBoundLoss().against(sample.labels, points, sample.reference_labels, sample.references)
        assert triplets <= 3 * (classes - 1) * (each - 1) * each * len(points) * float(loss)


def test_triplet_upper_bound_by_hand():
    # 0.25 to the own centre; 0.5 and 1 to the others': 0.25 − 0.75/3.
    loss = ccp.TripletUpperBoundLoss()
    np.testing.assert_allclose(loss.against([0], [[0.0]], [0, 1, 2], [[0.25], [-0.5], [1.0]]), 0.0, atol=1e-6)


def test_expanded_triplet_by_hand():
    # Classes of 0° and 90°, and of 180° and 100°, with middles at 45° and 140°. Nearest negatives: of 0° and of 90°,
    # which share their middle, 90° to 100° and 45° to 100°: 10°, and 0°'s own points 0° and 45° to 100°: 55°.
    # Of 180°: its points 180° and 140° to 90°, 50°; of 100°: 100° to 90°, 10°. The classes are 90° and 80° wide.
    angles = np.radians([0.0, 90.0, 180.0, 100.0])
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    def chord(degrees):
        return 2 * np.sin(np.radians(degrees) / 2)

    farthest, nearest = [chord(90), chord(90), chord(80), chord(80)], [chord(55), chord(10), chord(50), chord(10)]
    value = ccp.ExpandedTripletLoss(margin=1.0, points=1)([0, 0, 1, 1], points)
    np.testing.assert_allclose(value, 1.0 + np.mean(farthest) - np.mean(nearest), rtol=1e-5)
