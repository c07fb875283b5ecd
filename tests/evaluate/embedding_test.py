"""Embeddings of a set, and the score of a network as it is now."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from evaluate.embedding import Embedder, Validator
from tests.evaluate import retrieval_oracle


def _linear(scale=1.0) -> tf.keras.Model:
    """Images of 2 × 1 pixels to their two values, scaled; with dropout, which inference must leave out."""
    inputs = tf.keras.Input((2, 1, 1))
    flat = tf.keras.layers.Dropout(0.5)(tf.keras.layers.Flatten()(inputs))
    dense = tf.keras.layers.Dense(2, use_bias=False, kernel_initializer=tf.keras.initializers.Identity(scale))
    return tf.keras.Model(inputs, dense(flat))


class EmbeddingTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        # Norms 0.5, 5 and 0: inside the unit ball, outside it, and its centre.
        self.points = np.array([[0.3, 0.4], [3.0, -4.0], [0.0, 0.0], [0.1, 0.2], [1.0, 1.0]], np.float32)
        # Batches of 2, 2 and 1.
        self.batches = tf.data.Dataset.from_tensor_slices(self.points.reshape(-1, 2, 1, 1)).batch(2)

    def test_raw_is_in_order(self):
        self.assertAllClose(Embedder(_linear()).raw(self.batches), self.points)

    def test_normalized(self):
        normalized = Embedder(_linear()).normalized(self.batches)
        root = np.sqrt(0.5)
        self.assertIsInstance(normalized, np.ndarray)
        self.assertAllClose(normalized, [[0.3, 0.4], [0.6, -0.8], [0.0, 0.0], [0.1, 0.2], [root, root]])

    def test_follows_the_weights(self):
        model = _linear()
        embedder = Embedder(model)
        embedder.raw(self.batches)
        model.trainable_variables[0].assign([[0.0, 1.0], [1.0, 0.0]])
        self.assertAllClose(embedder.raw(self.batches), self.points[:, ::-1])

    def test_validator_scores_the_network_as_it_is(self):
        model, labels = _linear(), np.array([0, 1, 0, 1, 0])
        validator = Validator(Embedder(model), self.batches, labels)
        self.assertIsNone(validator.embeddings)
        for kernel in (np.eye(2), np.diag([1.0, 0.0]), np.diag([0.0, -3.0])):
            model.trainable_variables[0].assign(kernel)
            scores = validator()
            expected = self.points @ kernel
            expected /= np.maximum(1.0, np.linalg.norm(expected, axis=1, keepdims=True))
            self.assertAllClose(validator.embeddings, expected)
            self.assertAllClose(
                scores, retrieval_oracle.means(retrieval_oracle.per_query(validator.embeddings, labels))
            )
