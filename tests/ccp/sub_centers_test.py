"""Dominant centres, and the examples far from them."""

import numpy as np
from absl.testing import absltest

from ccp.sub_centers import sub_centers


def _at(*degrees):
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=-1)


class SubCentersTest(absltest.TestCase):
    # Class 0 has centres at 0° and 90°, class 1 at 200° and 180°.
    proxies = np.stack([_at(0, 90) * 3.0, _at(200, 180) * 0.1])

    def test_by_hand(self):
        labels = np.array([0, 0, 0, 0, 1, 1, 1])
        found = sub_centers(_at(10, -20, 80, -100, 195, 205, 170) * 0.5, labels, self.proxies)
        # -100° is 100° from 0° and 170° from 90°.
        np.testing.assert_array_equal(found.num_nearest, [[3, 1], [2, 1]])
        np.testing.assert_array_equal(found.dominant, [0, 0])
        np.testing.assert_array_equal(found.nearest, [0, 0, 1, 0, 0, 0, 1])
        np.testing.assert_allclose(found.angles, [10, 20, 80, 100, 5, 5, 30])
        # Beyond 75°: places 2 and 3. Nearest to another centre: places 2 and 6.
        np.testing.assert_array_equal(found.suspects(labels, 75.0), [3, 2, 6])
        np.testing.assert_array_equal(found.suspects(labels, 7.0), [3, 2, 6, 1, 0])
        np.testing.assert_array_equal(found.suspects(labels, 180.0), [2, 6])

    def test_equals_the_loop(self):
        random = np.random.default_rng(0)
        embeddings, proxies = random.normal(size=(40, 5)), random.normal(size=(6, 3, 5))
        labels = random.integers(0, 6, 40)
        found = sub_centers(embeddings, labels, proxies)
        counts = np.zeros((6, 3), int)

        def angle(label, center, embedding):
            point = proxies[label, center]
            return np.degrees(np.arccos(point @ embedding / np.linalg.norm(point) / np.linalg.norm(embedding)))

        for embedding, label, nearest in zip(embeddings, labels, found.nearest):
            self.assertEqual(nearest, min(range(3), key=lambda center: angle(label, center, embedding)))
            counts[label, nearest] += 1
        np.testing.assert_array_equal(found.num_nearest, counts)
        np.testing.assert_array_equal(found.dominant, [list(row).index(max(row)) for row in counts])
        expected = [angle(label, found.dominant[label], e) for e, label in zip(embeddings, labels)]
        np.testing.assert_allclose(found.angles, expected)

    def test_a_class_without_examples_and_vectors_of_length_0(self):
        found = sub_centers(np.zeros((2, 2)), np.array([0, 0]), self.proxies)
        np.testing.assert_array_equal(found.angles, [90, 90])
        np.testing.assert_array_equal(found.num_nearest, [[2, 0], [0, 0]])
        np.testing.assert_array_equal(found.dominant, [0, 0])


if __name__ == "__main__":
    absltest.main()
