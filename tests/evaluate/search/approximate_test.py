"""Approximate search: the index for each size, exact order of what is found, and the recall."""

from unittest import mock

import numpy as np
from absl.testing import parameterized

from evaluate.search import approximate as module
from evaluate.search import nearest_neighbors
from evaluate.search.approximate import ApproximateIndex, build_approximate, is_available, kind_for, load_approximate
from tests.support import pictures

GALLERY = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)


class Fixed:
    """In the place of a FAISS index: the same places for each query, −1 where it finds no more."""

    def __init__(self, *places):
        self.places = places

    def search(self, queries, count):
        return None, np.tile(np.pad(self.places, (0, count - len(self.places)), constant_values=-1), (len(queries), 1))


class ApproximateTest(parameterized.TestCase):
    @parameterized.parameters(
        (1, 8, "Flat"), (20_000, 8, "Flat"), (20_001, 8, "HNSW32,Flat"), (10**6, 8, "HNSW32,Flat"),
        (10**6 + 1, 128, "IVF2048,PQ64"), (10**7, 100, "IVF8192,PQ50"), (10**7, 7, "IVF8192,PQ7"),
    )  # fmt: skip
    def test_kinds(self, num_images, embedding_size, kind):
        self.assertEqual(kind_for(num_images, embedding_size), kind)

    def test_what_is_found_is_put_in_exact_order(self):
        queries, places = GALLERY[:2] + 0.1, np.array([3, 50, 7, 0, 9])
        found = ApproximateIndex(Fixed(*places), "any").nearest(queries, GALLERY, 3)
        distances = np.linalg.norm(GALLERY[places] - queries[:, np.newaxis], axis=2)
        np.testing.assert_array_equal(found.indices, places[np.argsort(distances, axis=1)[:, :3]])
        np.testing.assert_allclose(found.distances, np.sort(distances, axis=1)[:, :3], rtol=1e-6)

    def test_where_too_few_are_found_all_are_compared(self):
        found = ApproximateIndex(Fixed(3, 7), "any").nearest(GALLERY[:2], GALLERY, 4)
        exact = nearest_neighbors(GALLERY[:2], GALLERY, 4)
        np.testing.assert_array_equal(found.indices, exact.indices)

    def test_recall(self):
        exact = nearest_neighbors(GALLERY, k=10).indices

        def search(queries, count):
            rows = [int(np.flatnonzero((query == GALLERY).all(axis=1))[0]) for query in queries]
            # Itself, seven of the ten nearest, and others that are far away.
            far = [np.argsort(-np.linalg.norm(GALLERY - GALLERY[row], axis=1))[:4] for row in rows]
            return None, np.array([[row, *exact[row][:7], *others] for row, others in zip(rows, far)])

        index = mock.Mock(search=search)
        self.assertAlmostEqual(ApproximateIndex(index, "any").recall(GALLERY), 0.7)
        self.assertEqual(ApproximateIndex(index, "any").recall(GALLERY[:1]), 1.0)

    @parameterized.parameters("Flat", "HNSW32,Flat", "IVF4,PQ8")
    def test_faiss(self, kind):
        if not is_available():
            self.skipTest("faiss is not installed")
        with mock.patch.object(module, "kind_for", return_value=kind):
            built = build_approximate(GALLERY)
        self.assertGreater(built.recall(GALLERY), 0.9)
        path = pictures.folder_for(self) / "index.faiss"
        built.save(path)
        loaded = load_approximate(path, kind)
        for index in (built, loaded):
            exact = nearest_neighbors(GALLERY[:20], GALLERY, 1)
            np.testing.assert_array_equal(index.nearest(GALLERY[:20], GALLERY, 1).indices, exact.indices)
