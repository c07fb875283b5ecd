"""The order of the nearest references, block boundaries, and memory."""

import tracemalloc
from unittest import mock

import numpy as np
from absl.testing import parameterized

from evaluate import search
from tests.evaluate import retrieval_oracle


def nearest(queries, gallery, counts):
    """All blocks' rankings, one list of ``counts[query]`` references per query."""
    found = {}
    for block, references in search.nearest_references(queries, gallery, np.asarray(counts)):
        assert references.shape == (len(block), max(counts[query] for query in block))
        found.update({int(query): row[: counts[query]].tolist() for query, row in zip(block, references)})
    assert list(found) == list(range(len(queries))), "every query once, in order"
    return list(found.values())


class OrderTest(parameterized.TestCase):
    @parameterized.product(seed=tuple(range(10)), with_gallery=(False, True), integers=(False, True))
    def test_equals_loops(self, seed, with_gallery, integers):
        random = np.random.default_rng([seed, with_gallery, integers])
        queries, references, embedding_size = random.integers((2, 2, 1), (25, 25, 6))

        def points(count):
            shape = (count, embedding_size)
            return random.integers(-1, 2, shape).astype(float) if integers else random.normal(size=shape)

        points_q, gallery = points(queries), points(references) if with_gallery else None
        counts = random.integers(0, (references if with_gallery else queries - 1) + 1, queries)
        expected = [
            retrieval_oracle.ranking(q, points_q if gallery is None else gallery, i if gallery is None else None)[
                :count
            ]
            for i, (q, count) in enumerate(zip(points_q, counts))
        ]
        self.assertEqual(nearest(points_q, gallery, counts), expected)

    def test_ties_go_to_the_lower_index_at_the_last_place_too(self):
        # From 0: distances 2, 1, 1, 1, 2; of the three at 1, two are wanted.
        gallery = np.array([[2.0], [-1.0], [1.0], [1.0], [-2.0]])
        self.assertEqual(nearest(np.zeros((1, 1)), gallery, [2]), [[1, 2]])
        self.assertEqual(nearest(np.zeros((1, 1)), gallery, [4]), [[1, 2, 3, 0]])

    @parameterized.product(queries=(1, 3, 5), references=(47, 79), embedding_size=(17, 129))
    def test_equal_references_tie_whatever_the_rounding(self, queries, references, embedding_size):
        # A matrix product may round equal rows differently by where they stand, above all with few queries.
        for seed in range(10):
            random = np.random.default_rng([seed, queries, references, embedding_size])
            distinct = random.normal(size=(references // 4, embedding_size))
            distinct[:, 0] = 0.0
            places = random.integers(0, len(distinct), references)
            gallery = distinct[places]
            gallery[::2, 0] = -0.0  # Equal to 0, though not in its bits.
            for row in nearest(random.normal(size=(queries, embedding_size)), gallery, [references] * queries):
                for place in np.unique(places):
                    among = [index for index in row if places[index] == place]
                    self.assertEqual(among, sorted(among))

    def test_float32_far_from_the_origin(self):
        # ‖r‖² − 2 q·r is near 1e12; in float32 its spacing is 65,536, and differences of 1 would drown.
        points = np.array([[1e6], [1e6 + 3], [1e6 + 1], [1e6 - 9]], np.float32)
        self.assertEqual(nearest(points, None, [3] * 4), [[2, 1, 3], [2, 0, 3], [0, 1, 3], [0, 2, 1]])


class BlocksTest(parameterized.TestCase):
    # 13 references: blocks of 1 (also where not even one row would fit), 2, 12 and 13 of the 13 queries.
    @parameterized.product(entries=(1, 13, 26, 39, 156, 168, 169, 10_000), with_gallery=(False, True))
    def test_boundaries_change_nothing(self, entries, with_gallery):
        random = np.random.default_rng(3)
        queries = random.integers(-2, 3, (13, 3)).astype(float)
        gallery = random.integers(-2, 3, (13, 3)).astype(float) if with_gallery else None
        counts = random.integers(0, 13, 13)
        whole = nearest(queries, gallery, counts)
        with mock.patch.object(search, "_BLOCK_ENTRIES", entries):
            blocks = [block for block, _ in search.nearest_references(queries, gallery, counts)]
            self.assertEqual(nearest(queries, gallery, counts), whole)
        self.assertEqual([len(block) for block in blocks[:-1]], [max(1, entries // 13)] * (len(blocks) - 1))
        self.assertLessEqual(len(blocks[-1]), max(1, entries // 13))

    def test_a_block_that_wants_nothing(self):
        with mock.patch.object(search, "_BLOCK_ENTRIES", 4):
            self.assertEqual(nearest(np.arange(4.0)[:, np.newaxis], None, [0, 0, 1, 0])[2], [1])

    @parameterized.parameters(False, True)
    def test_memory_is_bounded_by_the_block(self, collapsed):
        # All distances at once are 2,000 · 2,000 · 8 bytes = 32 MB; a block of 20,000 of them 160 kB, of which
        # there are some copies. A collapsed embedding ties everywhere, so all columns are sorted.
        embeddings = np.random.default_rng(0).normal(size=(2000, 8)) * (not collapsed)
        with mock.patch.object(search, "_BLOCK_ENTRIES", 20_000):
            tracemalloc.start()
            for _ in search.nearest_references(embeddings, None, np.full(2000, 5)):
                pass
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        self.assertLess(peak, 4e6)
