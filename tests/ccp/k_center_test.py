import itertools

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import greedy_k_center
from tests.support import oracles, recorded


def looped(candidates, centers, num_centers, normalize=False):
    per_class = zip(candidates.astype(np.float64), centers.astype(np.float64))
    return np.stack([oracles.greedy_k_center(c, i, num_centers, normalize) for c, i in per_class])


class GreedyKCenterTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters("a", "b", "c", "d")
    def test_recorded(self, name):
        entries = recorded.below(f"k_center/{name}")
        centers = greedy_k_center(
            entries["candidates"], entries["initial_centers"], entries["centers"].shape[1], bool(entries["normalize"])
        )
        recorded.assert_matches(centers, entries["centers"])

    def test_by_hand(self):
        # From 0: 9 is farthest. Then nearest distances are 1, 4, 4, 0: 4 comes first, of equals. Then 1, 1, 0, 0.
        candidates = np.float32([[[1], [5], [4], [9]]])
        centers = greedy_k_center(candidates, np.float32([[[0]]]), 4)
        self.assertAllEqual(centers, [[[9], [5], [1], [4]]])

    @parameterized.product(seed=tuple(range(4)), normalize=(False, True))
    def test_equals_the_loop(self, seed, normalize):
        random = np.random.default_rng(seed)
        num_classes, num_candidates, num_initial, size = random.integers((1, 1, 1, 2), (6, 14, 5, 9))
        candidates = random.normal(size=(num_classes, num_candidates, size)).astype(np.float32)
        initial = random.normal(size=(num_classes, num_initial, size)).astype(np.float32)
        num_centers = int(random.integers(1, num_candidates + 1))
        centers = greedy_k_center(candidates, initial, num_centers, normalize)
        self.assertAllEqual(centers, looped(candidates, initial, num_centers, normalize).astype(np.float32))

    @parameterized.parameters(*range(4))
    def test_equals_the_loop_where_many_tie(self, seed):
        # Points of a small grid: copies, and many at equal distances; the first one is to be taken.
        random = np.random.default_rng(seed)
        candidates = random.integers(0, 3, (4, 10, 2)).astype(np.float32)
        candidates[..., 0] += 0.25 * np.arange(4)[:, np.newaxis]  # Classes differ.
        initial = random.integers(0, 3, (4, 2, 2)).astype(np.float32)
        self.assertAllEqual(greedy_k_center(candidates, initial, 10), looped(candidates, initial, 10))

    def test_takes_the_first_candidate_when_all_coincide_with_centers(self):
        candidates = np.float32([[[1, 2], [3, 4], [1, 2]]])
        self.assertAllEqual(greedy_k_center(candidates, candidates, 2), [[[1, 2], [1, 2]]])

    def test_normalize_measures_directions_and_returns_candidates(self):
        # Along x at any length is at 0 from the initial centre; −y at length 0.5 is farther than the diagonal.
        candidates = np.float32([[[9, 0], [3, 3], [0, -0.5], [0, -1]]])
        centers = greedy_k_center(candidates, np.float32([[[2, 0]]]), 2, normalize=True)
        self.assertAllEqual(centers, [[[0, -0.5], [3, 3]]])
        # By plain distance 9 is farthest from 2.
        self.assertAllEqual(greedy_k_center(candidates, np.float32([[[2, 0]]]), 1), [[[9, 0]]])

    def test_normalize_takes_zero_vectors(self):
        centers = greedy_k_center(np.float32([[[0, 0], [2, 0]]]), np.float32([[[0, 0]]]), 2, normalize=True)
        self.assertAllEqual(centers, [[[2, 0], [0, 0]]])

    @parameterized.parameters("float16", "float32", "float64")
    def test_keeps_the_dtype(self, dtype):
        candidates = tf.constant([[[1.0], [5.0], [4.0]]], dtype)
        centers = greedy_k_center(candidates, tf.zeros((1, 1, 1), dtype), 2)
        self.assertEqual(centers.dtype, dtype)
        self.assertAllEqual(centers, [[[5.0], [1.0]]])

    def test_compiled_for_any_number_of_classes(self):
        specs = [tf.TensorSpec([None, 6, 3]), tf.TensorSpec([None, 2, 3])]
        compiled = tf.function(lambda c, i: greedy_k_center(c, i, 3), input_signature=specs)
        for num_classes in (1, 4):
            random = np.random.default_rng(num_classes)
            candidates, initial = random.normal(size=(num_classes, 6, 3)), random.normal(size=(num_classes, 2, 3))
            inputs = candidates.astype(np.float32), initial.astype(np.float32)
            self.assertAllEqual(compiled(*inputs), greedy_k_center(*inputs, 3))
        self.assertEqual(compiled.experimental_get_tracing_count(), 1)

    @parameterized.parameters(
        ((2, 3, 4), (2, 1, 4), 4, "Cannot pick 4 centres from 3 candidates per class; enlarge the pool"),
        ((2, 3, 4), (2, 1, 4), 0, "Cannot pick 0 centres"),
        ((2, 3, 4), (2, 0, 4), 1, "initial_centers must be of shape.*at least 1"),
        ((2, 0, 4), (2, 1, 4), 1, "candidates must be of shape.*at least 1"),
        ((3, 4), (2, 1, 4), 1, "candidates must be of shape"),
        ((2, 3, 4), (3, 1, 4), 1, r"\(2, 3, 4\) and initial_centers \(3, 1, 4\) differ in classes"),
        ((2, 3, 4), (2, 1, 5), 1, r"differ in classes or embedding size"),
    )
    def test_refuses(self, candidates, initial_centers, num_centers, message):
        with self.assertRaisesRegex(ValueError, message):
            greedy_k_center(tf.zeros(candidates), tf.zeros(initial_centers), num_centers)


class CoverageTest(parameterized.TestCase, tf.test.TestCase):
    """Gonzalez's bound: no choice of K centres covers the candidates within less than half the greedy radius."""

    @parameterized.product(seed=tuple(range(3)), num_centers=(1, 2, 3), start=("a candidate", "the origin"))
    def test_within_twice_of_the_best(self, seed, num_centers, start):
        candidates = np.random.default_rng(seed).normal(size=(8, 2))
        initial = candidates[:1] if start == "a candidate" else np.zeros((1, 2))
        chosen = greedy_k_center(candidates[np.newaxis], initial[np.newaxis], num_centers)[0].numpy()
        # A start that is a candidate counts as a centre in the plain algorithm; the origin is no one's choice.
        compared = num_centers + (start == "a candidate")
        best = min(radius(candidates, candidates[list(c)]) for c in itertools.combinations(range(8), compared))
        self.assertLessEqual(radius(candidates, np.concatenate([initial, chosen])), 2 * best + 1e-9)


def radius(candidates, centers):
    return max(min(oracles.euclidean(candidate, center) for center in centers) for candidate in candidates)
