"""The search in the graph against a plain loop."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.serving.gallery import Gallery, answers
from models.serving.threshold import Threshold
from models.serving.versions import ExportError


def _vectors(number, size, seed):
    vectors = np.random.default_rng(seed).normal(size=(number, size)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _nearest(queries, embeddings, k):
    """Places and distances."""
    gallery = Gallery([str(place) for place in range(len(embeddings))], [""] * len(embeddings), embeddings)
    found = tf.function(gallery.nearest)(tf.constant(queries), tf.constant(k))
    return found["ids"].numpy().astype(int), found["distances"].numpy()


def _plain(queries, embeddings, k):
    """The same by a stable sort of all distances in float64."""
    distances = np.linalg.norm(queries[:, None].astype(np.float64) - embeddings, axis=2)
    places = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return places, np.take_along_axis(distances, places, axis=1)


class NearestTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(k=(1, 5, 60, 2**31 - 1), num_queries=(1, 20))
    def test_equals_a_plain_loop(self, k, num_queries):
        embeddings, queries = _vectors(60, 6, 0), _vectors(num_queries, 6, 1)
        for found, expected in zip(_nearest(queries, embeddings, k), _plain(queries, embeddings, k)):
            self.assertAllClose(found, expected, rtol=1e-5, atol=1e-6)

    def test_copies_are_at_distance_0_and_in_the_gallery_s_order(self):
        embeddings = np.tile(_vectors(3, 4, 0), (5, 1))
        places, distances = _nearest(embeddings[:3], embeddings, 5)
        self.assertAllEqual(places, [[0, 3, 6, 9, 12], [1, 4, 7, 10, 13], [2, 5, 8, 11, 14]])
        self.assertAllEqual(distances, np.zeros([3, 5]))

    def test_short_vectors(self):
        # Embeddings may be inside the unit ball: the nearest is not the one with the largest product.
        embeddings = np.float32([[1.0, 0.0], [0.3, 0.1]])
        places, distances = _nearest(np.float32([[0.2, 0.0]]), embeddings, 1)
        self.assertAllEqual(places, [[1]])
        self.assertAllClose(distances, [[np.hypot(0.1, 0.1)]])

    def test_no_queries(self):
        places, distances = _nearest(np.zeros([0, 4], np.float32), _vectors(3, 4, 0), 2)
        self.assertEqual((places.shape, distances.shape), ((0, 2), (0, 2)))

    @parameterized.parameters(np.nan, np.inf)
    def test_a_query_that_is_not_finite(self, value):
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "The network has diverged"):
            _nearest(np.full([2, 4], value, np.float32), _vectors(3, 4, 0), 1)

    def test_number_of_neighbours(self):
        self.assertEqual(_nearest(_vectors(2, 4, 0), _vectors(3, 4, 0), 0)[0].shape, (2, 0))
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "k >= 0, got -1"):
            _nearest(_vectors(2, 4, 0), _vectors(3, 4, 0), -1)


class GalleryTest(tf.test.TestCase):
    def test_embeddings_that_are_not_finite(self):
        embeddings = _vectors(2, 3, 0)
        embeddings[1, 2] = np.nan
        with self.assertRaisesRegex(ExportError, "1 of 2 gallery embeddings are not finite, the first of 'b'"):
            Gallery(["a", "b"], ["", ""], embeddings)

    def test_ids_and_labels_may_be_bytes(self):
        embeddings = _vectors(4, 3, 0)
        gallery = Gallery(["a", "b", "ü", b"\xff"], ["x", "x", "", "y"], embeddings)
        found = gallery.nearest(tf.constant(embeddings[2:]), tf.constant(1))
        self.assertAllEqual(found["ids"], [["ü".encode()], [b"\xff"]])
        self.assertAllEqual(found["labels"], [[b""], [b"y"]])


class AnswersTest(tf.test.TestCase):
    def test_verdicts_and_votes(self):
        found = {
            "labels": tf.constant([["a", "b", "b"], ["c", "", ""]]),
            "distances": tf.constant([[0.1, 0.3, 0.61], [0.29, 0.6, 2.0]]),
        }
        said = tf.function(lambda: answers(found, Threshold(0.5, 0.3, 0.6, 1e-3)))()
        self.assertAllEqual(said["voted_labels"], [b"b", b"c"])
        self.assertAllClose(said["vote_shares"], [2 / 3, 1 / 3])
        # Ends of the interval are in float32 here.
        self.assertAllEqual(said["verdicts"], [[b"same", b"unsure", b"different"], [b"same", b"unsure", b"different"]])
        self.assertNotIn("verdicts", answers(found, None))

    def test_no_queries(self):
        found = {"labels": tf.zeros([0, 2], tf.string), "distances": tf.zeros([0, 2])}
        said = answers(found, Threshold(0.5, 0.3, 0.6, 1e-3))
        self.assertEqual([value.shape.as_list() for value in said.values()], [[0], [0], [0, 2]])
