"""The search in the graph against a plain loop, with ties, in any blocks."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from evaluate.search import nearest_neighbors
from models.serving import search
from models.serving.gallery import Gallery
from models.serving.versions import ExportError


def _vectors(number, size, seed):
    vectors = np.random.default_rng(seed).normal(size=(number, size)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _plain(queries, gallery, k):
    """Places and distances, by sorting all distances in float64; a stable sort leaves ties in order."""
    places, distances = [], []
    for query in queries.astype(np.float64):
        all_distances = np.array([np.sqrt(np.sum((query - one) ** 2)) for one in gallery.astype(np.float64)])
        order = np.argsort(all_distances, kind="stable")[:k]
        places.append(order)
        distances.append(all_distances[order])
    return np.array(places), np.array(distances)


def _nearest(queries, gallery, k, **options):
    squares = search.squared_norms(gallery)
    function = tf.function(lambda queries: search.nearest(queries, gallery, squares, tf.constant(k), **options))
    return [found.numpy() for found in function(tf.constant(queries))]


class NearestTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(k=(1, 5, 60), scores_at_once=(1, 130, 10_000))
    def test_equals_a_plain_loop(self, k, scores_at_once):
        # Blocks of 1, 2 and all 7 of the queries; of these, the last block is not full.
        gallery, queries = _vectors(60, 6, 0), _vectors(7, 6, 1)
        places, distances = _nearest(queries, gallery, k, scores_at_once=scores_at_once)
        expected_places, expected_distances = _plain(queries, gallery, k)
        self.assertAllEqual(places, expected_places)
        self.assertAllClose(distances, expected_distances, rtol=1e-6, atol=0)

    def test_ties_go_to_the_lower_index(self):
        # Whole numbers, of which all sums are exact: many distances tie, and 40 of 90 are copies.
        rng = np.random.default_rng(0)
        gallery = rng.integers(-2, 3, (50, 3)).astype(np.float32) / 4
        gallery = rng.permutation(np.concatenate([gallery, gallery[:40]]))
        queries = rng.integers(-2, 3, (9, 3)).astype(np.float32) / 4
        for k in (1, 10, 90):
            places, distances = _nearest(queries, gallery, k, scores_at_once=200)
            expected_places, expected_distances = _plain(queries, gallery, k)
            self.assertAllEqual(places, expected_places)
            self.assertAllClose(distances, expected_distances, rtol=1e-6, atol=0)

    def test_what_float32_does_not_tell_apart(self):
        # Around a point of norm 1, at distances of 1e-5 and less: squares of 1e-10 drown in scores of about 1.
        rng = np.random.default_rng(0)
        centre = _vectors(1, 16, 0)
        gallery = centre + 1e-5 * rng.uniform(-1, 1, (300, 16)).astype(np.float32)
        queries = centre + 1e-5 * rng.uniform(-1, 1, (4, 16)).astype(np.float32)
        scores = search.squared_norms(gallery) - 2 * queries @ gallery.T
        expected_places, expected_distances = _plain(queries, gallery, 8)
        self.assertNotAllEqual(np.argsort(scores, axis=1)[:, :8], expected_places)
        places, distances = _nearest(queries, gallery, 8)
        self.assertAllEqual(places, expected_places)
        self.assertAllClose(distances, expected_distances, rtol=1e-6, atol=0)

    def test_more_pairs_than_are_compared_at_once(self):
        # All 3 × 9,000 distances are equal, so each block of the 27,000 pairs, and the rest, is needed.
        self.assertLess(search._PAIRS, 27_000)
        gallery = np.tile(_vectors(1, 4, 0), (9000, 1))
        places, distances = _nearest(gallery[:3], gallery, 4)
        self.assertAllEqual(places, [[0, 1, 2, 3]] * 3)
        self.assertAllEqual(distances, np.zeros([3, 4]))

    def test_a_hundred_thousand_as_offline(self):
        gallery, queries = _vectors(100_000, 32, 0), _vectors(5, 32, 1)
        gallery[70_000:70_010] = gallery[5]
        queries[0] = gallery[5]
        places, _ = _nearest(queries, gallery, 20)
        expected = nearest_neighbors(queries, gallery, 20).indices
        self.assertAllEqual(places, expected)
        self.assertAllEqual(places[0, :11], [5, *range(70_000, 70_010)])

    def test_no_queries_and_one_of_one(self):
        gallery = _vectors(3, 4, 0)
        places, distances = _nearest(np.zeros([0, 4], np.float32), gallery, 2)
        self.assertEqual((places.shape, distances.shape), ((0, 2), (0, 2)))
        places, _ = _nearest(gallery[:1], gallery[:1], 9)
        self.assertAllEqual(places, [[0]])

    def test_refusals(self):
        gallery = _vectors(3, 4, 0)
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r"k must be at least 1; got.*0"):
            _nearest(gallery, gallery, 0)
        for value in (np.nan, np.inf):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "not finite: the network has diverged"):
                _nearest(np.full([2, 4], value, np.float32), gallery, 1)


class AnswerChecksTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters((1000, 5000, 1000), (1_000_000, 1, 1), (1, 2_000_000, 1_000_000), (7, 5, 2**31 - 1))
    def test_a_million_neighbours_or_fewer(self, *batch_gallery_and_k):
        search.answer_checks(*map(tf.constant, batch_gallery_and_k))

    @parameterized.parameters(
        (1001, 5000, 1000, 1000), (100_001, 10, 2**31 - 1, 10), (2**31 - 1, 2**31 - 1, 2**31 - 1, 2**31 - 1)
    )
    def test_more(self, batch, gallery, k, each):
        said = f"{each} neighbours of each of {batch} images; it may hold 1000000 in all. Ask for fewer"
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, said):
            search.answer_checks(*map(tf.constant, (batch, gallery, k)))


class GalleryTest(tf.test.TestCase):
    def test_ids_and_labels_go_with_the_places(self):
        embeddings = _vectors(4, 3, 0)
        gallery = Gallery(["a", "b", "ü", b"\xff"], ["x", "x", "", "y"], embeddings)
        found = gallery.search(tf.constant(embeddings[2:]), tf.constant(1))
        self.assertAllEqual(found["ids"], [["ü".encode()], [b"\xff"]])
        self.assertAllEqual(found["labels"], [[b""], [b"y"]])
        self.assertAllEqual(found["distances"], [[0.0], [0.0]])

    def test_refusals(self):
        embeddings = _vectors(2, 3, 0)
        for ids, labels, number in (([], [], 0), (["a"], ["x"], 2), (["a", "b"], [""], 2)):
            with self.assertRaisesRegex(ExportError, "as many ids as labels and embeddings, at least one; got"):
                Gallery(ids, labels, embeddings[:number])
        embeddings[1, 2] = np.nan
        with self.assertRaisesRegex(ExportError, "1 of 2 gallery embeddings are not finite, the first of 'b'"):
            Gallery(["a", "b"], ["", ""], embeddings)
