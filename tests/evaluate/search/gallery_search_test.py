"""One query at a time finds what the exact search finds."""

from unittest import mock

import numpy as np
from absl.testing import parameterized

from evaluate.errors import EvaluationError
from evaluate.search import gallery_search as module
from evaluate.search import nearest_neighbors
from evaluate.search.gallery_search import GallerySearch


def _gallery(kind, count=3000, size=16):
    random = np.random.default_rng(0)
    vectors = random.normal(size=(count, size))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if kind == "ties":
        vectors = vectors[random.integers(0, 20, count)]
    elif kind == "collapsed":  # Differences are below the roundoff of the product.
        vectors = vectors[0] + 1e-5 * vectors
    elif kind == "far":
        vectors = vectors + 100
    return vectors.astype(np.float32)


class GallerySearchTest(parameterized.TestCase):
    @parameterized.product(kind=["sphere", "ties", "collapsed", "far"], k=[1, 7, 2999, 5000])
    def test_is_the_exact_search(self, kind, k):
        gallery = _gallery(kind)
        search = GallerySearch(gallery)
        for query in (gallery[17], gallery[5] + np.float32(0.01), 1e-6 * gallery[9]):
            expected, found = nearest_neighbors(query[np.newaxis], gallery, k), search.nearest(query, k)
            np.testing.assert_array_equal(found.indices, expected.indices)
            np.testing.assert_array_equal(found.distances, expected.distances)

    def test_compares_few_exactly(self):
        gallery = _gallery("sphere")
        with mock.patch.object(module, "nearest_neighbors", wraps=nearest_neighbors) as exact:
            GallerySearch(gallery).nearest(gallery[3], 10)
            self.assertLess(len(exact.call_args.args[1]), 15)

    def test_refusals(self):
        gallery = _gallery("sphere", 20)
        with self.assertRaisesRegex(EvaluationError, "1 of 1 query embeddings are not finite"):
            GallerySearch(gallery).nearest(np.full(16, np.nan), 3)
        with self.assertRaisesRegex(EvaluationError, "Queries have 4 dimensions and the gallery 16"):
            GallerySearch(gallery).nearest(gallery[0, :4], 3)
        gallery[4, 2] = np.inf
        with self.assertRaisesRegex(EvaluationError, "1 of 20 gallery embeddings are not finite"):
            GallerySearch(gallery)
