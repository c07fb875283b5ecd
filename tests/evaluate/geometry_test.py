"""Covering radii and pair distances against plain loops."""

import math

import numpy as np
from absl.testing import parameterized

from evaluate.geometry import covering_radii, pair_distances


def _distance(a, b) -> float:
    return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b)))


class CoveringRadiiTest(parameterized.TestCase):
    @parameterized.parameters(*range(8))
    def test_equals_loops(self, seed):
        random = np.random.default_rng(seed)
        count, classes, proxies_per_class, embedding_size = random.integers((1, 1, 1, 1), (30, 7, 5, 6))
        embeddings = random.normal(size=(count, embedding_size)).astype(np.float32)
        labels = random.integers(0, classes, count)
        proxies = random.normal(size=(classes, proxies_per_class, embedding_size)).astype(np.float32)
        expected = []
        for label in range(classes):
            own = [e for e, at in zip(embeddings, labels) if at == label]
            expected.append(max((min(_distance(e, p) for p in proxies[label]) for e in own), default=0.0))
        np.testing.assert_allclose(covering_radii(embeddings, labels, proxies), expected, rtol=1e-5)

    def test_by_hand(self):
        # Class 0, proxies at 0 and 10: examples at 1 (1 away), 4 (4 away), 7 (3 away from 10). Class 1 is its proxy.
        radii = covering_radii(
            np.array([[1.0], [4.0], [7.0], [5.0]]), np.array([0, 0, 0, 1]), np.array([[[0.0], [10.0]], [[5.0], [5.0]]])
        )
        np.testing.assert_array_equal(radii, [4.0, 0.0])

    def test_a_class_without_examples(self):
        radii = covering_radii(np.array([[3.0]]), np.array([2]), np.zeros((4, 1, 1)))
        np.testing.assert_array_equal(radii, [0.0, 0.0, 3.0, 0.0])


class PairDistancesTest(parameterized.TestCase):
    @parameterized.parameters(*range(8))
    def test_equals_loops(self, seed):
        random = np.random.default_rng(seed)
        count, classes, embedding_size = random.integers((1, 1, 1), (25, 5, 6))
        embeddings = random.normal(size=(count, embedding_size)).astype(np.float32)
        labels = random.integers(0, classes, count)
        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
        for same, actual in zip((True, False), pair_distances(embeddings, labels)):
            expected = [_distance(embeddings[i], embeddings[j]) for i, j in pairs if (labels[i] == labels[j]) == same]
            np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-7)

    def test_duplicates_are_0_apart(self):
        # ‖a‖² + ‖b‖² − 2 a·b may round below 0; 1e-6 is the root of float64's error at this size.
        positives, negatives = pair_distances(np.full((5, 300), 0.1), np.array([0, 0, 0, 1, 1]))
        self.assertLen(positives, 4)
        self.assertLen(negatives, 6)
        np.testing.assert_allclose(np.concatenate([positives, negatives]), 0.0, atol=1e-6)

    def test_more_are_thinned_out_evenly(self):
        # 5 of 0 … 8: 0, 2, 4, 6, 8. Pairs of even numbers are 2, 4, 6 or 8 apart, 4, 3, 2 and 1 of them.
        points = np.arange(9.0)[:, np.newaxis]
        positives, negatives = pair_distances(points, np.zeros(9, int), most_examples=5)
        np.testing.assert_allclose(np.sort(positives), [2, 2, 2, 2, 4, 4, 4, 6, 6, 8])
        self.assertEmpty(negatives)

    @parameterized.parameters(0, 1)
    def test_no_pairs(self, count):
        positives, negatives = pair_distances(np.zeros((count, 3)), np.zeros(count, int))
        self.assertEmpty(positives)
        self.assertEmpty(negatives)
