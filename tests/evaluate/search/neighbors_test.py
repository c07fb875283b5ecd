"""Nearest neighbours in their exact order, and their distances."""

import numpy as np
from absl.testing import parameterized

from evaluate.search import nearest_neighbors
from tests.support import retrieval_oracle


class NearestNeighborsTest(parameterized.TestCase):
    @parameterized.product(seed=tuple(range(10)), with_gallery=(False, True), integers=(False, True))
    def test_equals_loops(self, seed, with_gallery, integers):
        random = np.random.default_rng([seed, with_gallery, integers])
        num_queries, num_references, embedding_size = random.integers((2, 2, 1), (25, 25, 6))

        def points(count):
            shape = (count, embedding_size)
            return random.integers(-1, 2, shape).astype(float) if integers else random.normal(size=shape)

        queries, gallery = points(num_queries), points(num_references) if with_gallery else None
        k = int(random.integers(1, (num_references if with_gallery else num_queries - 1) + 1))
        found = nearest_neighbors(queries, gallery, k)
        for index, query in enumerate(queries):
            references, own = (queries, index) if gallery is None else (gallery, None)
            expected = retrieval_oracle.ranking(query, references, own)[:k]
            self.assertEqual(found.indices[index].tolist(), expected)
            distances = [retrieval_oracle.squared_distance(query, references[place]) ** 0.5 for place in expected]
            np.testing.assert_allclose(found.distances[index], distances)

    def test_ties_go_to_the_lower_index_at_the_last_place_too(self):
        # From 0: distances 2, 1, 1, 1, 2; of the three at 1, two are wanted.
        gallery = np.array([[2.0], [-1.0], [1.0], [1.0], [-2.0]])
        for k, expected in ((2, [1, 2]), (4, [1, 2, 3, 0])):
            found = nearest_neighbors(np.zeros((1, 1)), gallery, k)
            self.assertEqual(found.indices[0].tolist(), expected)
            self.assertEqual(found.distances[0].tolist(), [1, 1, 1, 2][:k])

    def test_a_query_finds_its_duplicate_and_not_itself(self):
        found = nearest_neighbors(np.array([[1.0], [1.0], [3.0]], np.float32), k=2)
        np.testing.assert_array_equal(found.indices, [[1, 2], [0, 2], [0, 1]])
        np.testing.assert_array_equal(found.distances, [[0, 2], [0, 2], [2, 2]])

    @parameterized.product(queries=(1, 3, 5), references=(47, 79), embedding_size=(17, 129))
    def test_equal_references_tie_whatever_the_rounding(self, queries, references, embedding_size):
        # A matrix product may round equal rows differently by where they stand, above all with few queries.
        for seed in range(4):
            random = np.random.default_rng([seed, queries, references, embedding_size])
            distinct = random.normal(size=(references // 4, embedding_size))
            distinct[:, 0] = 0.0
            places = random.integers(0, len(distinct), references)
            gallery = distinct[places]
            gallery[::2, 0] = -0.0  # Equal to 0, though not in its bits.
            for row in nearest_neighbors(random.normal(size=(queries, embedding_size)), gallery, references).indices:
                for place in np.unique(places):
                    among = [index for index in row if places[index] == place]
                    self.assertEqual(among, sorted(among))

    def test_equal_references_tie_where_one_pair_is_looked_at_alone(self):
        # 500,000 entries are looked at together: of 9,000 dimensions 55 pairs, and then the 56th.
        random = np.random.default_rng(0)
        for _ in range(6):
            query, reference = random.normal(size=(2, 1, 9000))
            found = nearest_neighbors(query, np.repeat(reference, 56, axis=0), 56)
            self.assertEqual(found.indices[0].tolist(), list(range(56)))

    def test_float32_far_from_the_origin(self):
        # ‖r‖² − 2 q·r is near 1e12; in float32 its spacing is 65,536, and differences of 1 would drown.
        points = np.array([[1e6], [1e6 + 3], [1e6 + 1], [1e6 - 9]], np.float32)
        np.testing.assert_array_equal(
            nearest_neighbors(points, k=3).indices, [[2, 1, 3], [2, 0, 3], [0, 1, 3], [0, 2, 1]]
        )

    def test_float64_differences_that_float32_does_not_have(self):
        # 1 + k · 1e-12 are all 1 in float32; the outlier keeps the scale.
        points = np.array([[1.0], [1 + 5e-12], [1 + 2e-12], [1 - 1e-12], [1e3]])
        found = nearest_neighbors(points, k=3).indices[[0, 1, 3]]
        np.testing.assert_array_equal(found, [[3, 2, 1], [2, 0, 3], [0, 2, 1]])

    @parameterized.parameters(1e200, 1e-200)
    def test_distances_whose_squares_float64_does_not_have(self, scale):
        found = nearest_neighbors(scale * np.array([[0.0, 0.0]]), scale * np.array([[3.0, 4.0], [0.0, 1.0]]), 2)
        np.testing.assert_array_equal(found.indices, [[1, 0]])
        np.testing.assert_allclose(found.distances, [[scale, 5 * scale]])

    def test_more_than_there_are_is_all(self):
        self.assertEqual(nearest_neighbors(np.zeros((2, 1)), np.ones((3, 1)), k=9).indices.shape, (2, 3))
        self.assertEqual(
            nearest_neighbors(np.array([[0.0], [1.0], [3.0]]), k=9).indices.tolist(), [[1, 2], [0, 2], [1, 0]]
        )
        self.assertEqual(nearest_neighbors(np.zeros((1, 1)), k=9).indices.shape, (1, 0))
