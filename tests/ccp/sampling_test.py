"""Batches and candidate pools, by what has to hold for every class size."""

import collections

import numpy as np
from absl.testing import parameterized

from ccp.errors import ConfigError
from ccp.sampling import candidates_per_class, m_per_class


def _problem(seed, smallest=1, largest=12):
    """Labels of classes of random sizes, shuffled; and P, M and steps."""
    random = np.random.default_rng(seed)
    num_classes = random.integers(1, 12)
    labels = np.repeat(np.arange(num_classes), random.integers(smallest, largest, num_classes))
    p, m, steps = random.integers(1, num_classes + 1), random.integers(1, 7), random.integers(1, 12)
    return random.permutation(labels), p, m, steps


class BatchesTest(parameterized.TestCase):
    @parameterized.parameters(*range(60))
    def test_counts_and_repeats(self, seed):
        labels, p, m, steps = _problem(seed, smallest=7 if seed % 3 == 1 else 1, largest=6 if seed % 3 == 2 else 12)
        batches, sizes = m_per_class(labels, p, m, steps, seed=seed, epoch=seed % 5), np.bincount(labels)
        self.assertEqual((batches.shape, batches.dtype), ((steps, p * m), np.int64))
        groups = batches.reshape(-1, m)
        self.assertTrue((labels[groups] == labels[groups[:, :1]]).all(), "the images of a class are side by side")
        classes = labels[groups[:, 0]]
        for batch in classes.reshape(steps, p):
            self.assertLen(set(batch), p, "no class is twice in a batch")
        self.assert_no_repeats(classes, len(sizes))  # Every class comes before any repeats,
        for label, size in enumerate(sizes):  # and every image of a class, over the whole epoch and in each batch.
            self.assert_no_repeats(groups[classes == label].ravel(), size)
        for label, group in zip(classes, groups):
            self.assert_no_repeats(group, sizes[label])

    def assert_no_repeats(self, sequence, size):
        for start in range(0, len(sequence), size):
            cycle = sequence[start : start + size]
            self.assertLen(set(cycle), len(cycle))

    def test_a_class_of_3_in_fours(self):
        # Three whole cycles of 3 fill two groups of 4 and one place: each group has all 3 images, one of them twice.
        labels = np.array([0, 0, 0])
        for seed in range(50):
            for group in m_per_class(labels, 1, 4, 5, seed=seed, epoch=0):
                self.assertEqual(sorted(collections.Counter(group).values()), [1, 1, 2])

    def test_an_epoch_of_all_classes_and_images(self):
        # 6 classes of 4 in batches of 2 × 2: 3 steps for each class once, 6 steps for each image once.
        labels = np.repeat(np.arange(6), 4)
        batches = m_per_class(labels, 2, 2, 6, seed=0, epoch=0)
        np.testing.assert_array_equal(np.sort(labels[batches[:3]], axis=None), np.repeat(np.arange(6), 2))
        np.testing.assert_array_equal(np.sort(batches, axis=None), np.arange(24))

    def test_is_a_function_of_seed_and_epoch(self):
        labels = np.repeat(np.arange(8), 9)
        first = m_per_class(labels, 4, 3, 6, seed=5, epoch=2)
        np.testing.assert_array_equal(first, m_per_class(labels, 4, 3, 6, seed=5, epoch=2))
        for seed, epoch in ((5, 3), (6, 2), (2, 5)):
            self.assertTrue((first != m_per_class(labels, 4, 3, 6, seed=seed, epoch=epoch)).any())

    def test_every_image_is_as_likely(self):
        # 2,000 epochs of one batch: each of 12 images is drawn 2000 · 4 / 12 = 667 times, deviation
        # sqrt(2000 · 1/3 · 2/3) = 21; five of them are 105.
        labels = np.repeat(np.arange(3), 4)
        drawn = [m_per_class(labels, 2, 2, 1, seed=0, epoch=epoch) for epoch in range(2000)]
        counts = np.bincount(np.concatenate(drawn).ravel(), minlength=12)
        np.testing.assert_allclose(counts, 667, atol=105)

    def test_more_classes_than_there_are(self):
        with self.assertRaisesRegex(ConfigError, "needs 4 classes and the training set has 3; ask for 3 classes"):
            m_per_class(np.array([0, 1, 2, 0, 1, 2]), 4, 1, 1, seed=0, epoch=0)


class CandidatesTest(parameterized.TestCase):
    @parameterized.parameters(*range(20))
    def test_counts_and_repeats(self, seed):
        labels, _, _, _ = _problem(seed)
        num_candidates = seed % 15 + 1
        pool = candidates_per_class(labels, num_candidates, seed=seed, draw=seed % 4)
        self.assertEqual(pool.shape, (labels.max() + 1, num_candidates))
        self.assertEqual(pool.dtype, np.int64)
        for label, own in enumerate(pool):
            self.assertEqual(set(labels[own]), {label})
            shuffled = own[: (labels == label).sum()]
            self.assertLen(set(shuffled), len(shuffled))

    def test_is_a_function_of_seed_and_draw(self):
        labels = np.repeat(np.arange(8), 9)
        first = candidates_per_class(labels, 4, seed=5, draw=2)
        np.testing.assert_array_equal(first, candidates_per_class(labels, 4, seed=5, draw=2))
        for seed, draw in ((5, 3), (6, 2), (2, 5)):
            self.assertTrue((first != candidates_per_class(labels, 4, seed=seed, draw=draw)).any())

    def test_is_no_batch_again(self):
        # One class, as many candidates as the batch has images: the same stream would give the same order.
        labels = np.zeros(50, np.int64)
        batch = m_per_class(labels, 1, 50, 1, seed=0, epoch=0)
        self.assertTrue((batch != candidates_per_class(labels, 50, seed=0, draw=0)).any())
