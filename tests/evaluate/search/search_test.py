"""How many references a search returns, and how much memory it takes."""

import tracemalloc

import numpy as np
from absl.testing import parameterized

from evaluate.search import nearest_neighbors
from evaluate.search.candidates import CandidatePool
from evaluate.search.pair_scores import LOWEST, PairScores
from evaluate.search.search import Budget, rankings
from evaluate.search.vectors import Vectors
from tests.support import pictures


def drain(queries, references, counts, **budget):
    """Runs a search; the number of queries and of references that it returned."""
    references = Vectors(references, "gallery")
    queries = references if queries is None else Vectors(queries, "query")
    found = [
        (len(ranking.queries), int((ranking.references >= 0).sum()))
        for ranking in rankings(queries, references, counts, Budget(**budget))
    ]
    return tuple(np.sum(found, axis=0))


class TilesTest(parameterized.TestCase):
    @parameterized.product(with_gallery=(False, True), classes=(5, 60))
    def test_few_candidates_are_kept(self, with_gallery, classes):
        # 600 points in clusters of 10 or 120, of which each wants 4: what comes back beyond that may tie in float32.
        random = np.random.default_rng(1)
        points = random.normal(size=(classes, 16))[np.arange(600) * classes // 600]
        points += 0.1 * random.normal(size=points.shape)
        queries = points[:300] + 0.01 if with_gallery else None
        number = 300 if with_gallery else 600
        num_queries, num_references = drain(queries, points, np.full(number, 4), tile=64)
        self.assertEqual(num_queries, number)
        self.assertBetween(num_references, 4 * number, 4.1 * number)

    def test_a_crowded_row_stays_so_whatever_becomes_of_its_threshold(self):
        # Threads that raise thresholds at the same moment may write an old one back.
        points = Vectors(np.zeros((3, 1), np.float32), "query")
        norms = np.zeros(3, np.float32)
        pool = CandidatePool(np.array([1]), norms[:1], norms, 2, PairScores(points, points))
        pool.add(np.zeros(3, int), np.arange(3), np.zeros(3, np.float32))
        pool.tighten()
        self.assertEqual(pool.crowded, [True])  # Three tie, of which two may be kept.
        pool.thresholds[0] = LOWEST
        pool.add(np.zeros(1, int), np.array([1]), np.zeros(1, np.float32))
        self.assertEmpty(pool.tighten()[0])

    def test_counts_of_each_query(self):
        points = Vectors(np.arange(4.0)[:, np.newaxis], "query")
        (ranking,) = rankings(points, points, np.array([0, 2, 0, 9]))
        self.assertEqual(ranking.queries.tolist(), [3, 1])
        self.assertEqual(ranking.references.tolist(), [[2, 1, 0], [0, 2, -1]])
        self.assertEqual(ranking.tie_groups.tolist(), [[1, 2, 3], [1, 1, 2]])

    @parameterized.parameters(1, 4)
    def test_a_search_that_wants_nothing(self, number):
        points = Vectors(np.arange(float(number))[:, np.newaxis], "query")
        self.assertEqual([len(one.queries) for one in rankings(points, points, np.zeros(number, int))][1:], [])


class MemoryTest(parameterized.TestCase):
    # All pairs at once are 3,000 · 3,000 · 8 bytes = 72 MB.
    @parameterized.product(case=("normal", "equal", "nearly equal", "clusters"), with_gallery=(False, True))
    def test_bounded(self, case, with_gallery):
        random = np.random.default_rng(0)
        points = random.normal(size=(3000, 8)).astype(np.float32)
        if case == "equal":
            points[:] = 1.0
        elif case == "nearly equal":
            points = 1.0 + np.float32(2e-7) * np.sign(points)
        elif case == "clusters":
            points = np.sign(points) + 1e-8 * random.normal(size=points.shape)
        queries = points[:500] if with_gallery else None
        counts = np.full(500 if with_gallery else 3000, 5)
        if case == "equal" and not with_gallery:
            points = points[:300]  # The worst case: nothing but exact distances tell that all tie.
            counts = counts[:300]
        tracemalloc.start()
        drain(queries, points, counts, tile=256, candidates=60_000, exhaustive=20_000)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(peak, 12e6)

    def test_a_gallery_on_disk_is_read_in_pieces(self):
        # 60,000 × 32 float32 are 7.7 MB, and 15 MB in float64.
        path = pictures.folder_for(self) / "gallery.npy"
        np.save(path, np.random.default_rng(0).normal(size=(60_000, 32)).astype(np.float32))
        gallery = np.load(path, mmap_mode="r")
        queries = np.array(gallery[5:1000:100])
        tracemalloc.start()
        blocks = rankings(
            Vectors(queries, "query"), Vectors(gallery, "gallery"), np.ones(10, int), Budget(tile=256, exhaustive=1000)
        )
        found = {int(q): int(row[0]) for block in blocks for q, row in zip(block.queries, block.references)}
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertEqual(found, {i: 5 + 100 * i for i in range(10)})
        self.assertLess(peak, 5e6)
        # The usual tiles, of 2,048 references, for ten queries.
        tracemalloc.start()
        self.assertEqual(nearest_neighbors(queries, gallery, 1).indices.tolist(), [[5 + 100 * i] for i in range(10)])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(peak, 7e6)
