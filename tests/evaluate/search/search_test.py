"""The order of the nearest references, tiles, and memory."""

import tracemalloc

import numpy as np
from absl.testing import parameterized

from evaluate import EvaluationError
from evaluate.search.candidates import Pool
from evaluate.search.rows import Rows
from evaluate.search.scores import NOTHING, Scores
from evaluate.search.search import Budget, nearest_references, rankings
from tests.support import pictures, retrieval_oracle


def nearest(queries, gallery, counts):
    """All blocks' rankings, one list of ``counts[query]`` references per query."""
    found = [[] for _ in queries]
    for block, references in nearest_references(queries, gallery, np.asarray(counts)):
        for query, row in zip(block, references):
            assert not found[query], "every query once"
            found[query] = row[: counts[query]].tolist()
    return found


def drain(queries, references, counts, **budget):
    """Runs a search; the number of queries and of references that it returned."""
    largest = max(float(np.abs(part).max()) for part in (references, queries) if part is not None)
    queries = None if queries is None else Rows([queries])
    found = [
        (len(ranking.queries), int((ranking.references >= 0).sum()))
        for ranking in rankings(queries, Rows([references]), counts, largest, Budget(**budget))
    ]
    return tuple(np.sum(found, axis=0))


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
        for seed in range(4):
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

    def test_equal_references_tie_where_one_pair_is_looked_at_alone(self):
        # 500,000 entries are looked at together: of 9,000 dimensions 55 pairs, and then the 56th.
        random = np.random.default_rng(0)
        for _ in range(6):
            query, reference = random.normal(size=(2, 1, 9000))
            gallery = np.repeat(reference, 56, axis=0)
            self.assertEqual(nearest(query, gallery, [56]), [list(range(56))])

    def test_float32_far_from_the_origin(self):
        # ‖r‖² − 2 q·r is near 1e12; in float32 its spacing is 65,536, and differences of 1 would drown.
        points = np.array([[1e6], [1e6 + 3], [1e6 + 1], [1e6 - 9]], np.float32)
        self.assertEqual(nearest(points, None, [3] * 4), [[2, 1, 3], [2, 0, 3], [0, 1, 3], [0, 2, 1]])

    def test_float64_differences_that_float32_does_not_have(self):
        # 1 + k · 1e-12 are all 1 in float32; the outlier keeps the scale.
        points = np.array([[1.0], [1 + 5e-12], [1 + 2e-12], [1 - 1e-12], [1e3]])
        self.assertEqual(nearest(points, None, [3, 1, 1, 2, 0]), [[3, 2, 1], [2], [0], [0, 2], []])

    def test_more_than_there_are_is_all(self):
        self.assertEqual(nearest(np.zeros((1, 1)), np.array([[2.0], [1.0]]), [9]), [[1, 0]])
        self.assertEqual(nearest(np.array([[0.0], [1.0], [3.0]]), None, [9, 9, 9]), [[1, 2], [0, 2], [1, 0]])

    @parameterized.parameters(np.nan, np.inf)
    def test_what_is_not_finite_is_refused(self, value):
        points, broken = np.arange(4.0)[:, np.newaxis], np.array([[0.0], [value], [2.0], [value]])
        with self.assertRaisesRegex(EvaluationError, "2 of 4 gallery embeddings are not finite, the first at index 1"):
            nearest(points, broken, [1] * 4)
        with self.assertRaisesRegex(EvaluationError, "2 of 4 query embeddings are not finite, the first at index 1"):
            nearest(broken, points, [1] * 4)


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

    def test_a_crowded_row_stays_so_whatever_becomes_of_its_bound(self):
        # Threads that raise bounds at the same moment may write an old one back.
        points = np.zeros((3, 1), np.float32)
        pool = Pool(np.array([1]), 2, np.zeros(1, np.float32), np.zeros(3, np.float32), Scores(Rows([points]), 1.0))
        pool.add(np.zeros(3, int), np.arange(3), np.zeros(3, np.float32))
        pool.tighten()
        self.assertEqual(pool.crowded, [True])  # Three tie, of which two may be kept.
        pool.bounds[0] = NOTHING
        pool.add(np.zeros(1, int), np.array([1]), np.zeros(1, np.float32))
        self.assertEmpty(pool.tighten()[0])

    def test_a_search_that_wants_nothing(self):
        counts = np.zeros(4, int)
        self.assertEqual(nearest(np.arange(4.0)[:, np.newaxis], None, counts), [[]] * 4)


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
        drain(queries, points, counts, tile=256, kept=60_000, crowded=20_000)
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
        blocks = rankings(Rows([queries]), Rows([gallery]), np.ones(10, int), 6.0, Budget(tile=256, crowded=1000))
        found = {int(q): int(row[0]) for block in blocks for q, row in zip(block.queries, block.references)}
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertEqual(found, {i: 5 + 100 * i for i in range(10)})
        self.assertLess(peak, 5e6)
        # The usual tiles, of 2,048 references, for ten queries.
        tracemalloc.start()
        self.assertEqual(nearest(queries, gallery, [1] * 10), [[5 + 100 * i] for i in range(10)])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(peak, 7e6)
