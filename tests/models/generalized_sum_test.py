"""Generalized sum pooling against its authors' code, plain loops and differences."""

import math
import tempfile

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.generalized_sum import GeneralizedSum, place_weights
from tests.support import finite_differences, oracles, recorded


def _weights(costs, share, sharpness):
    """Of places [places, prototypes] in float64, with the solution found by bisection on t itself."""
    sums = [sum(math.exp(-sharpness * cost) for cost in row) for row in costs]

    def filled(t):
        return [t * s / (1 + t * s) for s in sums]

    low, high = 1e-30, 1e40
    for _ in range(100):
        t = math.sqrt(low * high)
        low, high = (t, high) if sum(filled(t)) < share * len(sums) else (low, t)
    return np.array(filled(low)) / share


def _pooled(features, prototypes, share, sharpness):
    """One image's features [places, channels]."""
    near = [oracles.lipschitz_normalize(p) for p in np.asarray(prototypes, np.float64)]
    costs = [[oracles.euclidean(oracles.lipschitz_normalize(f), p) for p in near] for f in features]
    return np.mean(_weights(costs, share, sharpness)[:, np.newaxis] * features, axis=0)


def _built(channels, **arguments):
    layer = GeneralizedSum(**arguments)
    layer.build((None, None, None, channels))
    random = np.random.default_rng(2)
    layer.prototypes.assign(random.normal(size=layer.prototypes.shape))
    return layer


class PlaceWeightsTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(("mild", 0.3, 5.0), ("even", 0.7, 1.0))
    def test_recorded_values(self, name, share, sharpness):
        """From the authors' plans after 2,000 iterations, and their gradient."""
        values = recorded.cited()
        costs = tf.constant(values["gsp/costs"].transpose(0, 2, 1))
        with tf.GradientTape() as tape:
            tape.watch(costs)
            weights = place_weights(costs, share, sharpness)
            total = tf.reduce_sum(weights * values["gsp/upstream"].astype(np.float32))
        recorded.assert_matches(weights, values[f"gsp/{name}/weights"])
        theirs = values[f"gsp/{name}/d_costs"].transpose(0, 2, 1)
        recorded.assert_matches(tape.gradient(total, costs), theirs, tolerance=2e-5)

    @parameterized.parameters((0.3, 5.0), (0.9, 30.0), (0.01, 2.0))
    def test_equals_loops(self, share, sharpness):
        costs = np.random.default_rng(4).uniform(0, 2, (4, 9, 3)).astype(np.float32)
        weights = place_weights(tf.constant(costs), share, sharpness)
        for row, expected in zip(weights, costs):
            self.assertAllClose(row, _weights(expected, share, sharpness), rtol=1e-4, atol=1e-5)
        self.assertAllClose(tf.reduce_mean(weights, axis=1), np.ones(4), rtol=1e-5)

    def test_by_hand(self):
        # Two places, one prototype: s = 1 and 1/4. Weights for share 1/2 have t + t/4 … 1/(1 + t) + 1/(1 + t/4) = 1:
        # t² = 4, so n r = 1/3 and 2/3.
        costs = tf.constant([[[0.0], [math.log(4)]]])
        self.assertAllClose(place_weights(costs, 0.5, 1.0), [[4 / 3, 2 / 3]], rtol=1e-5)


class GeneralizedSumTest(parameterized.TestCase, tf.test.TestCase):
    def test_equals_loops_and_their_gradients(self):
        features = np.random.default_rng(0).normal(0.3, 0.8, (2, 2, 3, 4)).astype(np.float32)
        layer = _built(4, prototypes=5, share=0.4)
        upstream = np.random.default_rng(1).normal(size=(2, 4)).astype(np.float32)
        inputs = tf.constant(features)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            pooled = layer(inputs)
            total = tf.reduce_sum(pooled * upstream)
        by_features, by_prototypes = tape.gradient(total, (inputs, layer.prototypes))

        def by_loops(features, prototypes):
            pooled = [_pooled(image.reshape(6, 4), prototypes, 0.4, 5.0) for image in features]
            return np.sum(pooled * upstream.astype(np.float64))

        prototypes = layer.prototypes.numpy()
        self.assertAllClose(total, by_loops(features, prototypes), rtol=1e-5)
        expected = finite_differences.gradient(lambda f: by_loops(f, prototypes), features)
        self.assertAllClose(by_features, expected, rtol=1e-3, atol=1e-5)
        expected = finite_differences.gradient(lambda p: by_loops(features, p), prototypes)
        self.assertAllClose(by_prototypes, expected, rtol=1e-3, atol=1e-5)
        self.assertGreater(np.abs(expected).max(), 1e-3)

    @parameterized.product(
        features=("zeros", "one place", "copies of a prototype", "huge"), dtype=("float32", "float16", "bfloat16")
    )
    def test_degenerate_features(self, features, dtype):
        layer = _built(3, prototypes=2)
        values = {
            "zeros": np.zeros((2, 2, 2, 3)),
            "one place": np.ones((2, 1, 1, 3)),
            "copies of a prototype": np.tile(layer.prototypes.numpy()[0], (2, 2, 2, 1)),
            "huge": 3e4 * np.eye(3)[np.array([[[0, 1], [2, 0]]])],
        }[features]
        inputs = tf.cast(values, dtype)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            pooled = layer(inputs)
        self.assertEqual(pooled.dtype, tf.float32)
        if features != "huge":  # Equal places count alike.
            self.assertAllClose(pooled, tf.cast(inputs, tf.float32)[:, 0, 0], rtol=1e-5)
        for gradient in tape.gradient(pooled, (inputs, layer.prototypes)):
            self.assertTrue(np.isfinite(tf.cast(gradient, tf.float32)).all())

    def test_starts_near_the_mean_and_learns(self):
        """Places of one kind carry the signal: prototypes move to these."""
        tf.keras.utils.set_random_seed(0)
        random = np.random.default_rng(0)
        features = np.abs(random.normal(size=(16, 4, 4, 8))).astype(np.float32)
        features[:, :2, :, 0] += 3.0
        layer, optimizer = GeneralizedSum(4, share=0.5), tf.keras.optimizers.SGD(0.5)
        self.assertAllClose(layer(features), features.mean(axis=(1, 2)), atol=0.5)
        losses = []
        for _ in range(20):
            with tf.GradientTape() as tape:
                losses.append(-tf.reduce_mean(layer(features)[:, 0]))
            optimizer.apply_gradients([(tape.gradient(losses[-1], layer.prototypes), layer.prototypes)])
        self.assertLess(losses[-1], losses[0] - 0.2)

    def test_saved_and_loaded(self):
        inputs = tf.keras.Input((3, 3, 2))
        model = tf.keras.Model(inputs, GeneralizedSum(3, share=0.6)(inputs))
        with tempfile.TemporaryDirectory() as folder:
            path = f"{folder}/model.keras"
            model.save(path)
            again = tf.keras.models.load_model(path, custom_objects={"GeneralizedSum": GeneralizedSum})
        features = np.random.default_rng(0).normal(size=(2, 3, 3, 2)).astype(np.float32)
        self.assertAllEqual(again(features), model(features))
