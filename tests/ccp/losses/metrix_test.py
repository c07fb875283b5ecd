"""Metric mixup against loops, and its draws."""

import json

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.pairs import as_labels, pairs_within
from tests.support import finite_differences, loss_cases, oracles

LABELS = [0, 0, 1, 1, 2, 0]


def by_loops(embeddings, labels, share, with_itself, pos_margin, neg_margin):
    p = oracles.Problem(labels, embeddings)
    pulls, pushes = [], []
    for a, anchor in enumerate(p.anchors):
        partner = a if with_itself else next(iter(p.positives(a)), None)
        for n in p.negatives(a) if partner is not None else []:
            mixed = share * p.anchors[partner] + (1 - share) * p.anchors[n]
            apart = oracles.euclidean(anchor, mixed / max(np.sqrt(oracles.similarity(mixed, mixed)), 1e-3))
            pulls.append(apart - pos_margin)
            pushes.append(neg_margin - apart)

    def mean_of_active(terms):
        active = [term for term in terms if term > 0]
        return sum(active) / len(active) if active else 0.0

    return share * mean_of_active(pulls) + (1 - share) * mean_of_active(pushes)


@pytest.mark.parametrize("with_itself", [False, True])
@pytest.mark.parametrize(("share", "pos_margin", "neg_margin"), [(0.3, 0.0, 0.5), (0.6, 0.7, 1.2)])
def test_equals_loops_and_their_gradients(with_itself, share, pos_margin, neg_margin):
    loss, embeddings = ccp.MetrixLoss(pos_margin, neg_margin), loss_cases.sample(LABELS, seed=2).embeddings
    inputs = tf.constant(embeddings)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = loss.mixed(inputs, pairs_within(as_labels(LABELS)), tf.constant(share), tf.constant(with_itself))
    arguments = LABELS, share, with_itself, pos_margin, neg_margin
    np.testing.assert_allclose(value, by_loops(embeddings, *arguments), rtol=1e-5)
    expected = finite_differences.gradient(lambda e: by_loops(e, *arguments), embeddings)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(tape.gradient(value, inputs), expected, rtol=1e-3, atol=1e-5)


def test_by_hand():
    # Anchors at 0° and 0° of one class, a negative at 90°: with λ = ½ the mixtures are at 45°. The third anchor has no
    # positive, and no mixtures.
    points = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], np.float32)
    chord = 2 * np.sin(np.pi / 8)
    value = ccp.MetrixLoss(0.1, 1.0).mixed(points, pairs_within(as_labels([0, 0, 1])), 0.5, tf.constant(False))
    np.testing.assert_allclose(value, 0.5 * (chord - 0.1) + 0.5 * (1.0 - chord), rtol=1e-5)


def test_draws_follow_from_seed_and_step():
    sample = loss_cases.sample(LABELS, seed=3)

    def values(seed, count=12):
        loss = ccp.MetrixLoss(0.0, 1.0, seed=seed)
        return [float(loss(sample.labels, sample.embeddings)) for _ in range(count)]

    assert values(1) == values(1)
    assert not set(values(1)) & set(values(2))
    loss, restored = ccp.MetrixLoss(0.0, 1.0, seed=1), ccp.MetrixLoss(0.0, 1.0, seed=1)
    for _ in range(5):
        loss(sample.labels, sample.embeddings)
    restored.counter.steps.assign(5)
    assert float(restored(sample.labels, sample.embeddings)) == float(loss(sample.labels, sample.embeddings))
    again = tf.keras.losses.deserialize(json.loads(json.dumps(tf.keras.losses.serialize(loss))))
    assert again.get_config() == loss.get_config()


def test_half_of_the_steps_mix_the_anchors_themselves_by_shares_of_a_beta_distribution():
    loss, drawn = ccp.MetrixLoss(mix_alpha=8.0), []
    loss.mixed = lambda anchors, pairs, share, with_itself: drawn.append((float(share), bool(with_itself)))
    for _ in range(60):
        loss.compute_batch(tf.zeros([1, 2]), None)
    shares, with_itself = np.transpose(drawn)
    # Beta(8, 8) has mean 1/2 and variance 1/68; bounds are at about 4 deviations, for each kind of step alike.
    assert 15 < with_itself.sum() < 45
    for own in (0, 1):
        np.testing.assert_allclose(shares[with_itself == own].mean(), 0.5, atol=0.1)
    np.testing.assert_allclose(shares.var(), 1 / 68, atol=0.01)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize(
    ("labels", "embeddings"),
    [
        ([0, 0, 1, 1], np.zeros((4, 3))),
        ([0, 0, 1, 1], np.full((4, 4), 0.5)),
        ([0, 0, 1, 1], [[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [-1.0, 0.0]]),  # With λ = ½ mixtures cancel out.
        ([0, 0, 0], np.eye(3)),
        ([0, 1, 2], np.eye(3)),
        ([5], np.ones((1, 2))),
    ],
)
def test_degenerate_batches(labels, embeddings, dtype):
    embeddings = tf.cast(embeddings, dtype)
    for step in range(4):
        loss = ccp.MetrixLoss(seed=step)
        value, gradient = loss_cases.value_and_gradients(loss, labels, embeddings)
        assert np.isfinite(value)
        assert np.isfinite(tf.cast(gradient, tf.float32)).all()
        opposite = loss.mixed(tf.cast(embeddings, tf.float32), pairs_within(as_labels(labels)), 0.5, tf.constant(False))
        assert np.isfinite(opposite)


def test_a_few_steps_lower_it():
    points, loss, values = tf.Variable(loss_cases.sample([0, 0, 1, 1], seed=1).embeddings), ccp.MetrixLoss(), []
    for _ in range(30):
        loss.counter.steps.assign(0)  # The same draw each time.
        with tf.GradientTape() as tape:
            values.append(loss([0, 0, 1, 1], points))
        points.assign_sub(0.1 * tape.gradient(values[-1], points))
    assert values[-1] < 0.9 * values[0]
