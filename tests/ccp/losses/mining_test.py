"""Mining against plain loops, degenerate inputs, and losses over what is chosen."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.losses.mining import DistanceWeightedMining, HardMining, MultiSimilarityMining, SemiHardMining
from ccp.pairs import Pairs

INFINITY = float("inf")


def multi_similarity(positives, negatives, epsilon):
    hardest, nearest = max(positives.values(), default=-INFINITY), min(negatives.values(), default=INFINITY)
    return (
        {p for p, d in positives.items() if d > nearest - epsilon},
        {n for n, d in negatives.items() if d < hardest + epsilon},
    )


def hard(positives, negatives):
    hardest, nearest = max(positives.values(), default=-INFINITY), min(negatives.values(), default=INFINITY)
    return {p for p, d in positives.items() if d == hardest}, {n for n, d in negatives.items() if d == nearest}


def semi_hard(positives, negatives, margin):
    triplets = [
        (p, n)
        for p, near in positives.items()
        for n, far in negatives.items()
        if near < far and not far > np.float32(near) + np.float32(margin)
    ]
    return {p for p, _ in triplets}, {n for _, n in triplets}


LOOPS = {
    "multi_similarity": (MultiSimilarityMining(0.125), lambda p, n: multi_similarity(p, n, 0.125)),
    "hard": (HardMining(), hard),
    "semi_hard": (SemiHardMining(0.25), lambda p, n: semi_hard(p, n, 0.25)),
}


def chosen(mining, distances, positives, negatives):
    pairs = Pairs(tf.constant(positives), tf.constant(negatives))
    return mining.choose(tf.constant(distances, tf.float32), pairs, tf.constant(8), euclidean=True)


def by_loops(loop, distances, positives, negatives):
    masks = np.zeros_like(positives), np.zeros_like(negatives)
    for row in range(len(distances)):
        of_kind = ({c: distances[row, c] for c in np.flatnonzero(mask[row])} for mask in (positives, negatives))
        for mask, columns in zip(masks, loop(*of_kind)):
            mask[row, list(columns)] = True
    return masks


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("kind", ["random", "ties", "equal", "one class", "no positives"])
def test_equals_the_loop(name, kind):
    mining, loop = LOOPS[name]
    for seed in range(4):
        random = np.random.default_rng(seed)
        distances = random.uniform(0.0, 2.0, (6, 11)).astype(np.float32)
        if kind == "ties":
            distances = np.round(4 * distances) / 4
        if kind == "equal":
            distances[:] = 0.5
        labels = np.zeros(11, int) if kind == "one class" else random.integers(0, 3, 11)
        anchors = labels[:6] + (5 if kind == "no positives" else 0)
        positives = anchors[:, np.newaxis] == labels
        negatives = ~positives
        positives[np.arange(6), np.arange(6)] = False
        masks = chosen(mining, distances, positives, negatives)
        for mask, expected in zip(masks, by_loops(loop, distances, positives, negatives)):
            np.testing.assert_array_equal(mask, expected)


def test_multi_similarity_by_hand():
    # Positives at 0.2 and 0.5, negatives at 0.45, 0.55 and 0.9; ε = 0.1. Positives beyond 0.45 − 0.1: the second.
    # Negatives before 0.5 + 0.1: the first two.
    distances, positives = [[0.2, 0.5, 0.45, 0.55, 0.9]], np.array([[True, True, False, False, False]])
    masks = chosen(MultiSimilarityMining(0.1), distances, positives, ~positives)
    np.testing.assert_array_equal(masks.positives, [[False, True, False, False, False]])
    np.testing.assert_array_equal(masks.negatives, [[False, False, True, True, False]])


def test_distance_weighted_draws_a_negative_for_each_positive():
    random = np.random.default_rng(0)
    distances = random.uniform(0.1, 2.0, (5, 400)).astype(np.float32)
    positives = np.zeros((5, 400), bool)
    for row in range(5):
        positives[row, :row] = True
    mining, again = DistanceWeightedMining(seed=3), DistanceWeightedMining(seed=3)
    drawn = [chosen(mining, distances, positives, ~positives) for _ in range(2)]
    repeated = [chosen(again, distances, positives, ~positives) for _ in range(2)]
    for one, other in zip(drawn, repeated):  # By the seed and the number of the call.
        np.testing.assert_array_equal(one.negatives, other.negatives)
        np.testing.assert_array_equal(one.positives, positives)
        numbers = one.negatives.numpy().sum(axis=1)
        assert (numbers <= np.arange(5)).all()
        assert numbers.sum() >= 8  # Of ten draws, hardly any twice.
        assert not (one.negatives.numpy() & positives).any()
    assert (drawn[0].negatives.numpy() != drawn[1].negatives.numpy()).any()


def test_distance_weighted_prefers_near_negatives():
    # In 16 dimensions q(0.5) is far below q(1.3): nearly all draws are of the near half.
    distances = np.repeat([[0.5] * 200 + [1.3] * 200], 50, axis=0)
    positives = np.zeros((50, 402), bool)
    positives[:, 400:] = True
    distances = np.pad(distances, [[0, 0], [0, 2]])
    pairs = Pairs(tf.constant(positives), tf.constant(~positives))
    masks = DistanceWeightedMining().choose(tf.constant(distances, tf.float32), pairs, tf.constant(16), True)
    near, far = masks.negatives.numpy()[:, :200].sum(), masks.negatives.numpy()[:, 200:].sum()
    assert near > 90
    assert far < 5


def test_distance_weighted_draws_by_similarities_as_by_the_distances_of_unit_vectors():
    distances = np.random.default_rng(0).uniform(0.1, 2.0, (5, 40)).astype(np.float32)
    pairs = Pairs(tf.constant(distances < 0.3), tf.constant(distances >= 0.3))
    by_distance, by_similarity = (
        DistanceWeightedMining(seed=3).choose(tf.constant(compared), pairs, tf.constant(8), euclidean)
        for compared, euclidean in ((distances, True), (np.square(distances) / 2, False))
    )
    assert np.any(by_distance.negatives)
    np.testing.assert_array_equal(by_distance.negatives, by_similarity.negatives)


LOSSES = (
    ccp.ContrastiveLoss,
    ccp.CosineContrastiveLoss,
    ccp.TripletLoss,
    ccp.MultiSimilarityLoss,
    ccp.ProxyAnchorLoss,
    ccp.ProxyNCALoss,
)
LABELS = np.arange(12) // 3
EMBEDDINGS = np.random.default_rng(5).normal(size=(12, 6)).astype(np.float32)


@pytest.mark.parametrize("kind", LOSSES)
def test_every_loss_over_the_pairs_that_are_chosen(kind):
    for mining in (MultiSimilarityMining(0.05), HardMining(), SemiHardMining(0.2)):
        plain, mined = kind(), kind(mining=mining)
        scores = plain.compare(EMBEDDINGS, None)
        distances = 1.0 - scores if plain.compares_similarities else scores
        same = LABELS[:, np.newaxis] == LABELS
        pairs = Pairs(tf.constant(same & ~np.eye(12, dtype=bool)), tf.constant(~same))
        kept = mining.choose(distances, pairs, tf.constant(6), not plain.compares_similarities)
        assert 0 < np.count_nonzero(kept.negatives) < np.count_nonzero(pairs.negatives)
        embeddings = tf.Variable(EMBEDDINGS)
        with tf.GradientTape() as tape:
            value = mined(LABELS, embeddings)
        np.testing.assert_allclose(value, plain.reduce(scores, kept), rtol=1e-6)
        assert np.isfinite(tape.gradient(value, embeddings)).all()


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize(
    "mining", [MultiSimilarityMining(), HardMining(), SemiHardMining(), DistanceWeightedMining()], ids=lambda m: m.name
)
def test_degenerate_inputs(kind, mining):
    for labels, embeddings in (
        ([0, 0, 1, 1], np.zeros((4, 3))),
        ([0, 0, 1, 1], np.ones((4, 3))),
        ([0, 0, 0], EMBEDDINGS[:3, :3]),
        ([0, 1, 2], EMBEDDINGS[:3, :3]),
        ([0], EMBEDDINGS[:1, :3]),
    ):
        embeddings = tf.Variable(embeddings, dtype=tf.float32)
        loss = kind(mining=mining)
        with tf.GradientTape() as tape:
            value = loss(labels, embeddings)
        gradient = tape.gradient(value, embeddings)
        assert np.isfinite(value)
        assert gradient is None or np.isfinite(gradient).all()
    broken = EMBEDDINGS[:4].copy()
    broken[1] = np.nan
    assert np.isnan(kind(mining=mining)([0, 0, 1, 1], broken))


def test_a_configuration_holds_the_mining():
    for mining in (MultiSimilarityMining(0.3), HardMining(), SemiHardMining(0.4), DistanceWeightedMining(0.6, 7)):
        loss = ccp.ContrastiveLoss(0.1, 0.5, mining=mining)
        again = tf.keras.losses.deserialize(tf.keras.losses.serialize(loss))
        assert type(again.mining) is type(mining)
        assert again.mining.get_config() == mining.get_config()


def test_without_variables_it_compiles_as_a_keras_loss():
    model = tf.keras.Sequential([tf.keras.layers.Dense(3)])
    model.compile("sgd", loss=ccp.TripletLoss(mining=HardMining()))
    assert np.isfinite(model.fit(EMBEDDINGS, LABELS, verbose=0).history["loss"]).all()
    model.compile("sgd", loss=ccp.TripletLoss(mining=DistanceWeightedMining()))
    with pytest.raises(ValueError, match="has variables"):
        model.fit(EMBEDDINGS, LABELS, verbose=0)


@pytest.mark.parametrize(("kind", "argument"), [(MultiSimilarityMining, -0.1), (SemiHardMining, float("nan"))])
def test_refused(kind, argument):
    with pytest.raises(ValueError, match="must be at least 0"):
        kind(argument)
