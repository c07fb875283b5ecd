"""Which classes are drawn when, by what has to hold for all sizes and groups."""

from unittest import mock

import numpy as np
import pytest

import ccp
from ccp.class_draws import arranged, counts_in_proportion
from ccp.errors import ConfigError
from ccp.sampling import m_per_class


def generator(seed=0):
    return np.random.default_rng(seed)


@pytest.mark.parametrize("seed", range(30))
def test_counts_are_expectations_rounded_and_capped(seed):
    random = generator(seed)
    weights = random.pareto(1, size=random.integers(1, 20)) + 0.01
    most = random.integers(1, 9)
    total = random.integers(0, most * len(weights) + 1)
    counts = counts_in_proportion(weights, total, most, random)
    assert (counts.sum(), counts.dtype) == (total, np.int64)
    assert counts.max() <= most
    # Above the cap is none; the others share the rest in proportion.
    capped = np.zeros(len(weights), bool)
    for _ in weights:
        rest = total - most * capped.sum()
        shares = np.where(capped, most, rest * weights / max(weights[~capped].sum(), 1e-9))
        capped |= shares >= most
    free = ~capped
    np.testing.assert_array_equal(counts[capped], most)
    assert (np.abs(counts[free] - shares[free]) < 1 + 1e-9).all()


def test_counts_have_their_sum_also_where_the_expectations_are_rounded_below_it():
    random = mock.Mock(permutation=np.asarray, random=lambda: 0.0)
    counts = counts_in_proportion(np.sqrt(np.arange(1, 9)), 8, 8, random)  # Their sum is 7.999999999999998.
    assert counts.sum() == 8


def test_counts_are_right_on_average():
    # Of 2,000 draws each mean is within 5 deviations, at most sqrt(1/4 / 2000) = 0.011.
    weights = np.array([1.0, 2.0, 3.5, 0.2])
    counts = [counts_in_proportion(weights, 7, 5, generator(seed)) for seed in range(2000)]
    np.testing.assert_allclose(np.mean(counts, axis=0), 7 * weights / weights.sum(), atol=0.056)


@pytest.mark.parametrize("seed", range(20))
def test_no_item_is_twice_in_a_draw(seed):
    random = generator(seed)
    draws, items = random.integers(1, 10), random.integers(1, 10)
    per_draw = random.integers(1, items + 1)
    counts = counts_in_proportion(random.pareto(1, items) + 0.01, draws * per_draw, draws, random)
    drawn = arranged(counts, per_draw, draws, random)
    assert drawn.shape == (draws, per_draw)
    np.testing.assert_array_equal(np.bincount(drawn.ravel(), minlength=items), counts)
    assert all(len(set(draw)) == per_draw for draw in drawn)


def test_by_size_every_class_is_drawn_as_its_size_says():
    labels = np.repeat(np.arange(4), [1, 4, 16, 64])

    def counts(power):
        batches = m_per_class(labels, 2, 3, 30, seed=1, epoch=2, classes=ccp.DrawBySize(power))
        assert batches.shape == (30, 6)
        by_class = labels[batches.reshape(30, 2, 3)]
        assert (by_class == by_class[:, :, :1]).all()
        assert (by_class[:, 0, 0] != by_class[:, 1, 0]).all()
        return np.bincount(by_class[:, :, 0].ravel(), minlength=4)

    np.testing.assert_array_equal(counts(0), [15, 15, 15, 15])
    # 60 · (1, 2, 4, 8) / 15 would be 32 of the last class, of 30 at most; the rest is 30 · (1, 2, 4) / 7.
    assert (np.abs(counts(0.5) - [4.3, 8.6, 17.1, 30]) < 1).all()
    # 60 · 64 / 85 is above 30, and so is 30 · 16 / 21 below: (1, 4, 16) / 21 of the other 30.
    assert (np.abs(counts(1) - [1.4, 5.7, 22.9, 30]) < 1).all()


@pytest.mark.parametrize("seed", range(10))
def test_by_group_a_batch_has_as_many_classes_of_each_of_a_few_groups(seed):
    random = generator(seed)
    groups = random.permutation(np.repeat([5, 7, 8, 9], [3, 4, 5, 12]))
    classes = ccp.DrawByGroup(groups.tolist(), 2).draw(np.ones(24), 6, 40, random)
    assert classes.shape == (40, 6)
    for batch in classes:
        assert len(set(batch)) == 6
        assert sorted(np.unique(groups[batch], return_counts=True)[1]) == [3, 3]
    # 240 classes drawn of 24: 10 each. A group is drawn once more or less than that (3 classes), and within it
    # its classes as often as each other.
    drawn = np.bincount(classes.ravel(), minlength=24)
    for group in np.unique(groups):
        own = drawn[groups == group]
        assert abs(own.sum() - 10 * len(own)) <= 3
        assert own.max() - own.min() <= 1


def test_draws_are_a_function_of_seed_and_epoch():
    labels = np.repeat(np.arange(8), 9)
    for classes in (ccp.DrawBySize(0.5), ccp.DrawByGroup([0, 0, 0, 0, 1, 1, 1, 1])):
        first = m_per_class(labels, 4, 3, 6, seed=5, epoch=2, classes=classes)
        np.testing.assert_array_equal(first, m_per_class(labels, 4, 3, 6, seed=5, epoch=2, classes=classes))
        for seed, epoch in ((5, 3), (6, 2)):
            assert (first != m_per_class(labels, 4, 3, 6, seed=seed, epoch=epoch, classes=classes)).any()


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (ccp.DrawBySize(2.0), "must be from 0 to 1; got 2.0"),
        (ccp.DrawByGroup([0, 0, 1]), "got 3 groups for 6 classes"),
        (ccp.DrawByGroup([0, 0, 0, 1, 1, 1], 0), "groups_per_batch must be at least 1; got 0"),
        (ccp.DrawByGroup([0, 1, 2, 3, 4, 5], 6), "groups; choose 6 classes"),
        (ccp.DrawByGroup([0, 0, 0, 1, 1, 1], 3), "cannot have as many of each of 3 groups; choose 3 or 6 classes"),
        (ccp.DrawByGroup([0, 0, 0, 0, 0, 1], 2), "2 groups of at least 2 classes; there are 2, the smallest of 1"),
        (ccp.DrawByGroup([0] * 6, 2), "there are 1, the smallest of 6"),
    ],
)
def test_what_cannot_be_drawn_is_refused(classes, message):
    with pytest.raises(ConfigError, match=message):
        ccp.balanced_batches(np.arange(12), np.repeat(np.arange(6), 2), classes=4, per_class=2, draw=classes)


def test_near_classes_are_the_outermost_and_those_near_it():
    # On a line: 9 is farthest from the mean, then 0 of what is left; three in the last group.
    points = np.array([[0.0], [9.0], [1.0], [8.0], [4.0], [3.5], [5.0]])
    np.testing.assert_array_equal(ccp.near_classes(points, 2), [1, 0, 1, 0, 2, 2, 2])
    proxies = points[:, np.newaxis] + [[-0.2], [0.2]]
    np.testing.assert_array_equal(ccp.near_classes(proxies, 2), [1, 0, 1, 0, 2, 2, 2])


@pytest.mark.parametrize(("num_classes", "size"), [(1, 4), (7, 8), (8, 8), (23, 5), (6, 1)])
def test_groups_have_their_size_and_the_last_the_rest(num_classes, size):
    groups = ccp.near_classes(generator().normal(size=(num_classes, 3)), size)
    sizes = np.bincount(groups)
    assert (sizes[:-1] == size).all()
    assert size <= sizes[-1] < 2 * size or num_classes < size
    assert sizes.sum() == num_classes


def test_a_dataset_draws_by_the_groups_of_its_sorted_labels():
    labels = np.repeat([30, 10, 20, 40], 4)
    batches = ccp.balanced_batches(
        np.arange(16), labels, classes=2, per_class=2, steps=6, draw=ccp.DrawByGroup([0, 1, 0, 1], 1)
    )
    drawn = {tuple(sorted(set(batch.numpy()))) for _, batch in batches}
    assert drawn == {(10, 30), (20, 40)}
