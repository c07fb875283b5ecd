"""Nearest neighbours and their distances."""

import numpy as np
from absl.testing import parameterized

from evaluate.search import nearest_neighbors


class NearestNeighborsTest(parameterized.TestCase):
    def test_by_hand(self):
        # From 0: 1 at 1, 2 at 2, then 3 and 4 at 3, the lower index first. From 2.5: 2 at 0.5, 3 at 0.5, 1 at 1.5.
        gallery = np.array([[-3.0], [1.0], [2.0], [3.0]])
        found = nearest_neighbors(np.array([[0.0], [2.5]]), gallery, k=3)
        np.testing.assert_array_equal(found.indices, [[1, 2, 0], [2, 3, 1]])
        np.testing.assert_allclose(found.distances, [[1, 2, 3], [0.5, 0.5, 1.5]])

    def test_a_query_finds_its_duplicate_and_not_itself(self):
        found = nearest_neighbors(np.array([[1.0], [1.0], [3.0]], np.float32), k=2)
        np.testing.assert_array_equal(found.indices, [[1, 2], [0, 2], [0, 1]])
        np.testing.assert_array_equal(found.distances, [[0, 2], [0, 2], [2, 2]])

    def test_more_than_there_are_is_all(self):
        self.assertEqual(nearest_neighbors(np.zeros((2, 1)), np.ones((3, 1)), k=9).indices.shape, (2, 3))
        self.assertEqual(nearest_neighbors(np.zeros((1, 1)), k=9).indices.shape, (1, 0))
