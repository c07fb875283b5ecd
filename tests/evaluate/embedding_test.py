"""Embeddings of a set, and the score of a network as it is now."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.examples import Examples
from datasets.images.sources import ImagesInMemory
from datasets.manifest import DataError
from evaluate.embedding import Embedder, Validator
from tests.support import retrieval_oracle


def _linear(scale=1.0) -> tf.keras.Model:
    """Images of 2 × 1 pixels to their two values, scaled; with dropout, which inference must leave out."""
    inputs = tf.keras.Input((2, 1, 1))
    flat = tf.keras.layers.Dropout(0.5)(tf.keras.layers.Flatten()(inputs))
    dense = tf.keras.layers.Dense(2, use_bias=False, kernel_initializer=tf.keras.initializers.Identity(scale))
    return tf.keras.Model(inputs, dense(flat))


class _Numbered:
    """Stands in for ``EvaluationImages``: batches with the indices of their examples."""

    def __init__(self, batches, labels, roles=None):
        self._batches = batches
        names = np.full(len(labels), "a point", object)
        images = ImagesInMemory(np.zeros((len(labels), 2, 1, 1), np.uint8), names)
        classes = tuple(map(str, range(labels.max() + 1)))
        self.examples = Examples(images, labels, classes, np.full(len(labels), "") if roles is None else roles)

    def __iter__(self):
        return iter(self._batches)


class EmbeddingTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        # Norms 0.5, 5 and 0: inside the unit ball, outside it, and its centre.
        self.points = np.array([[0.3, 0.4], [3.0, -4.0], [0.0, 0.0], [0.1, 0.2], [1.0, 1.0]], np.float32)
        # Batches of 2, 2 and 1.
        images = tf.constant(self.points.reshape(-1, 2, 1, 1))
        self.batches = [images[at : at + 2] for at in (0, 2, 4)]
        self.numbered = [(np.arange(at, at + len(batch)), batch) for at, batch in zip((0, 2, 4), self.batches)]

    def test_raw_is_in_order(self):
        self.assertAllClose(Embedder(_linear()).raw(self.batches), self.points)

    def test_normalized(self):
        embedded = Embedder(_linear()).embed(_Numbered(self.numbered, np.array([0, 1, 0, 1, 0])))
        self.assertAllEqual(embedded.indices, range(5))
        root = np.sqrt(0.5)
        self.assertIsInstance(embedded.embeddings, np.ndarray)
        self.assertAllClose(embedded.embeddings, [[0.3, 0.4], [0.6, -0.8], [0.0, 0.0], [0.1, 0.2], [root, root]])

    def test_follows_the_weights(self):
        model = _linear()
        embedder = Embedder(model)
        embedder.raw(self.batches)
        model.trainable_variables[0].assign([[0.0, 1.0], [1.0, 0.0]])
        self.assertAllClose(embedder.raw(self.batches), self.points[:, ::-1])

    def test_validator_scores_the_network_as_it_is(self):
        model, labels = _linear(), np.array([0, 1, 0, 1, 0])
        validator = Validator(Embedder(model), _Numbered(self.numbered, labels))
        self.assertIsNone(validator.embedded)
        for kernel in (np.eye(2), np.diag([1.0, 0.0]), np.diag([0.0, -3.0])):
            model.trainable_variables[0].assign(kernel)
            scores = validator()
            expected = self.points @ kernel
            expected /= np.maximum(1.0, np.linalg.norm(expected, axis=1, keepdims=True))
            self.assertAllClose(validator.embedded.embeddings, expected)
            oracle = retrieval_oracle.means(retrieval_oracle.per_query(validator.embedded.embeddings, labels))
            self.assertAllClose({name: scores[name] for name in oracle}, oracle)

    def test_validator_leaves_out_what_could_not_be_read(self):
        # Examples 1 and 4 are missing: what is left are the points 0, 2 and 3 with their own labels.
        numbered = [(np.array([0]), self.batches[0][:1]), (np.array([2, 3]), self.batches[1])]
        validator = Validator(Embedder(_linear()), _Numbered(numbered, np.array([0, 1, 0, 1, 0])))
        scores = validator()
        self.assertAllEqual(validator.embedded.labels, [0, 0, 1])
        self.assertAllClose(validator.embedded.embeddings, self.points[[0, 2, 3]])
        # (0.3, 0.4) is nearer to (0.1, 0.2) than to the origin; the origin nearer to (0.1, 0.2); the third is alone.
        self.assertEqual(scores["precision_at_1"], 0.0)

    def test_nothing_could_be_read(self):
        with self.assertRaisesRegex(DataError, "None of the images could be read"):
            Embedder(_linear()).embed(_Numbered([], np.array([0])))

    def test_queries_search_only_the_gallery(self):
        # Points 0 and 3 query the gallery of 1, 2 and 4. Nearest to (0.3, 0.4) and to (0.1, 0.2) is the origin, 2.
        roles = np.array(["query", "gallery", "gallery", "query", "gallery"])
        validator = Validator(Embedder(_linear()), _Numbered(self.numbered, np.array([0, 1, 0, 1, 0]), roles))
        self.assertEqual(validator()["precision_at_1"], 0.5)
