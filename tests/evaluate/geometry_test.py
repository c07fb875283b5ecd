"""Covering radii and pair distances against plain loops."""

import json
import math

import numpy as np
from absl.testing import parameterized

from evaluate import geometry as module
from evaluate.geometry import (
    center_radii,
    class_distances,
    covering_radii,
    geometry,
    geometry_by_projection,
    pair_distances,
    spread,
)
from tests.support import made_up_run


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

    def test_many_small_classes_still_give_positive_pairs(self):
        # 300 classes of 4: of at most 100 examples, 10 whole classes are kept, 6 positive pairs in each.
        positives, negatives = pair_distances(np.zeros((1200, 2)), np.repeat(np.arange(300), 4), most_examples=100)
        self.assertLen(positives, 10 * 6)
        self.assertLen(negatives, 40 * 39 // 2 - 60)


class SpreadTest(parameterized.TestCase):
    @parameterized.parameters(*range(8))
    def test_invariants(self, seed):
        random = np.random.default_rng(seed)
        labels = random.integers(0, int(random.integers(1, 60)), 500)
        most = int(random.integers(10, 600))
        chosen = spread(labels, most)
        self.assertLessEqual(len(chosen), most)
        np.testing.assert_array_equal(chosen, np.unique(chosen))
        counts = np.bincount(labels[chosen], minlength=60)
        whole = np.bincount(labels, minlength=60)
        for kept, of in zip(counts[counts > 0], whole[counts > 0]):
            self.assertGreaterEqual(kept, min(of, 10) if most > 10 else 1)

    def test_few_are_all_taken(self):
        np.testing.assert_array_equal(spread(np.array([3, 1, 3]), 3), [0, 1, 2])


class CenterRadiiTest(parameterized.TestCase):
    @parameterized.parameters(*range(8))
    def test_equals_loops(self, seed):
        random = np.random.default_rng(seed)
        count, classes = random.integers((1, 1), (30, 5))
        embeddings, labels = random.normal(size=(count, 3)), random.integers(0, classes, count)
        expected = []
        for label in sorted(set(labels)):
            own = [e for e, at in zip(embeddings, labels) if at == label]
            mean = sum(own) / len(own)
            centers = [min(own, key=lambda e: _distance(e, mean))]
            row = []
            for _ in range(4):
                nearest = [min(_distance(e, c) for c in centers) for e in own]
                row.append(max(nearest))
                centers.append(own[nearest.index(max(nearest))])
            expected.append(row)
        np.testing.assert_allclose(center_radii(embeddings, labels, 4), expected, atol=1e-7)

    def test_by_hand(self):
        # 0, 4, 5, 11 have the mean 5. From 5 it is 6 to 11; with 11 too, 5 to 0; with 0 too, 1 to 4; then none.
        radii = center_radii(np.array([[0.0], [4.0], [5.0], [11.0]]), np.zeros(4, int), 5)
        np.testing.assert_array_equal(radii, [[6.0, 5.0, 1.0, 0.0, 0.0]])


class ClassDistancesTest(parameterized.TestCase):
    @parameterized.product(seed=(0, 1, 2, 3), block=(1, 3, 1000))
    def test_equals_loops(self, seed, block):
        random = np.random.default_rng(seed)
        labels = random.integers(0, 9, 60) * 5
        embeddings = random.normal(size=(60, 4))
        means = [embeddings[labels == label].mean(axis=0) for label in sorted(set(labels))]
        pairs = [_distance(a, b) for i, a in enumerate(means) for b in means[i + 1 :]]
        whole, module._BLOCK_ROWS = module._BLOCK_ROWS, block
        try:
            mean, smallest = class_distances(embeddings, labels)
        finally:
            module._BLOCK_ROWS = whole
        self.assertAlmostEqual(mean, sum(pairs) / len(pairs))
        self.assertAlmostEqual(smallest, min(pairs))

    def test_one_class_has_none(self):
        self.assertEqual(class_distances(np.ones((3, 2)), np.zeros(3, int)), (None, None))


class GeometryTest(parameterized.TestCase):
    def test_by_hand(self):
        # Classes 0: {0, 2}, mean 1; 2: {10}; 3: {13, 17}, mean 15; 1 has no examples and counts for nothing.
        numbers = geometry(
            np.array([[0.0], [2.0], [10.0], [13.0], [17.0]]),
            np.array([0, 0, 2, 3, 3]),
            np.array([[[0.0]], [[0.0]], [[9.0]], [[15.0]]]),
            most_centers=2,
        )
        self.assertEqual(
            numbers,
            {
                "examples": 5,
                "classes": 3,
                "radius_by_proxies": (2 + 1 + 2) / 3,
                "radius_by_centers": [(2 + 0 + 4) / 3, 0.0],
                "class_distance_mean": (9 + 14 + 5) / 3,
                "class_distance_min": 5.0,
                "positive_distance": (2 + 4) / 2,
                "negative_distance": (10 + 13 + 17 + 8 + 11 + 15 + 3 + 7) / 8,
            },
        )
        self.assertEqual(json.loads(json.dumps(numbers)), numbers)

    def test_what_there_is_not_is_none(self):
        numbers = geometry(np.ones((1, 2)), np.zeros(1, int))
        missing = {name for name, value in numbers.items() if value is None}
        expected = {"radius_by_proxies", "class_distance_mean", "class_distance_min"}
        self.assertEqual(missing, expected | {"positive_distance", "negative_distance"})


class GeometryByProjectionTest(parameterized.TestCase):
    def test_radii_equal_loops(self):
        projections = [made_up_run.projection(index) for index in range(4)]
        for record, row in zip(projections, geometry_by_projection(projections)):
            self.assertEqual(row["projection"], record["index"])
            self.assertLen(row["radius_by_centers"], 3)  # As many as proxies.
            for name, key in (("radius_by_previous_proxies", "previous_proxies"), ("radius_by_proxies", "proxies")):
                if key not in record:
                    self.assertIsNone(row[name])
                    continue
                radii = []
                for label in range(5):
                    own = record["embeddings"][record["labels"] == label]
                    radii.append(max(min(_distance(e, p) for p in record[key][label]) for e in own))
                self.assertAlmostEqual(row[name], sum(radii) / 5, places=6)
