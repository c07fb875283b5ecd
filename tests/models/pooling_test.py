"""Poolings against NumPy, and the generalised mean's gradients."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.pooling import GeneralizedMean, pool

_FLOOR = 1e-6


def _features(*shape, seed=0) -> np.ndarray:
    """Some of them negative."""
    return np.random.default_rng(seed).normal(0.5, 1.0, shape).astype(np.float32)


def _mean_of_powers(features: np.ndarray, exponent: float) -> np.ndarray:
    """Equation 3 of Radenović et al., in float64, one vector entry at a time."""
    batch, height, width, channels = features.shape
    pooled = np.zeros((batch, channels))
    for b in range(batch):
        for c in range(channels):
            powers = [max(float(x), _FLOOR) ** exponent for x in features[b, :, :, c].ravel()]
            pooled[b, c] = (sum(powers) / (height * width)) ** (1.0 / exponent)
    return pooled


def _layer(exponent: float) -> GeneralizedMean:
    layer = GeneralizedMean()
    layer.build(tf.TensorShape([None, None, None, 3]))
    layer.exponent.assign(exponent)
    return layer


def _gradients(layer: GeneralizedMean, features: np.ndarray):
    """The pooled features, and the gradients of their sum by features and exponent."""
    features = tf.constant(features)
    with tf.GradientTape() as tape:
        tape.watch(features)
        pooled = layer(features)
    return pooled, *tape.gradient(pooled, (features, layer.exponent))


class PoolTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        ("average", lambda x: x.mean(axis=(1, 2))),
        ("max", lambda x: x.max(axis=(1, 2))),
        ("average_max", lambda x: x.mean(axis=(1, 2)) + x.max(axis=(1, 2))),
        ("gem", lambda x: _mean_of_powers(x, 3.0)),
    )
    def test_against_numpy(self, kind, expected):
        for shape in ((2, 4, 5, 3), (3, 1, 1, 2)):
            features = _features(*shape)
            self.assertAllClose(pool(tf.constant(features), kind), expected(features), rtol=1e-5, atol=1e-6)

    @parameterized.product(kind=("average", "max", "average_max", "gem"), policy=("mixed_float16", "mixed_bfloat16"))
    def test_half_precision(self, kind, policy):
        features = np.abs(_features(2, 4, 4, 3))
        expected = pool(tf.constant(features), kind)
        tf.keras.mixed_precision.set_global_policy(policy)
        self.addCleanup(tf.keras.mixed_precision.set_global_policy, "float32")
        half = tf.as_dtype(policy.partition("_")[2])
        # Features are rounded, and perhaps their mean and sum once more: to 2^-11 or, bfloat16, 2^-8 each.
        tolerance = 3 * (2.0**-11 if half == tf.float16 else 2.0**-8)
        self.assertAllClose(tf.cast(pool(tf.cast(features, half), kind), tf.float32), expected, rtol=tolerance, atol=0)


class GeneralizedMeanTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(1.0, 1.5, 3.0, 10.0, 100.0)
    def test_formula(self, exponent):
        features = _features(2, 3, 4, 3)
        self.assertAllClose(_layer(exponent)(features), _mean_of_powers(features, exponent), rtol=1e-5, atol=0)

    @parameterized.parameters(1.0, 1.7, 3.0, 20.0)
    def test_gradients(self, exponent):
        features = _features(2, 3, 4, 3)
        _, by_features, by_exponent = _gradients(_layer(exponent), features)
        x, y = np.maximum(features, _FLOOR).astype(np.float64), _mean_of_powers(features, exponent)
        # y = (Σ x^p / n)^(1/p): dy/dx = (x / y)^(p − 1) / n, and nothing comes through what was raised to the floor.
        expected = (x / y[:, None, None]) ** (exponent - 1) / 12 * (features > _FLOOR)
        self.assertAllClose(by_features, expected, rtol=1e-4, atol=1e-6)
        # dy/dp = y (Σ x^p ln x / (p Σ x^p) − ln(Σ x^p / n) / p²).
        powers = x**exponent
        slope = (powers * np.log(x)).sum(axis=(1, 2)) / powers.sum(axis=(1, 2)) / exponent
        slope -= np.log(powers.mean(axis=(1, 2))) / exponent**2
        self.assertAllClose(by_exponent, (y * slope).sum(), rtol=1e-4, atol=1e-5)

    @parameterized.product(
        exponent=(1.0, 3.0, 100.0),
        # The last ratio is too small for a normal float32.
        features=((0.0, 0.0), (-1.0, -2.0), (1e-30, 1e-30), (1e37, 1e37), (-3e38, 1e-3), (1e-6, 1e6), (0.0, 1e37)),
    )
    def test_degenerate_features(self, exponent, features):
        values = np.tile(np.float32(features).reshape(1, 1, 2, 1), (1, 2, 1, 3))
        pooled, by_features, by_exponent = _gradients(_layer(exponent), values)
        floored = np.maximum(values.astype(np.float64), _FLOOR)
        largest = floored.max()
        expected = largest * np.mean((floored / largest) ** exponent, axis=(1, 2)) ** (1 / exponent)
        self.assertAllClose(pooled / largest, expected / largest, rtol=1e-5)
        self.assertTrue(np.isfinite(by_features).all())
        self.assertTrue(np.isfinite(by_exponent))
        self.assertTrue((by_features.numpy()[values < _FLOOR] == 0).all())

    def test_float16_features_whose_powers_it_cannot_hold(self):
        tf.keras.mixed_precision.set_global_policy("mixed_float16")
        self.addCleanup(tf.keras.mixed_precision.set_global_policy, "float32")
        pooled = _layer(3.0)(tf.constant([1e-3, 6e4], tf.float16, (1, 1, 2, 1)) * tf.ones([1, 1, 1, 3], tf.float16))
        self.assertEqual(pooled.dtype, tf.float32)
        self.assertAllClose(pooled, [[6e4 / 2 ** (1 / 3)] * 3], rtol=1e-3)

    @parameterized.parameters("adam", "sgd")
    def test_exponent_is_learned_but_stays_at_least_1(self, optimizer):
        layer, features = _layer(3.0), tf.constant(np.abs(_features(2, 3, 4, 3)))
        optimizer = {"adam": tf.keras.optimizers.Adam, "sgd": tf.keras.optimizers.SGD}[optimizer](0.25)
        exponents = []
        for _ in range(12):
            with tf.GradientTape() as tape:
                pooled = tf.reduce_sum(layer(features))  # Falls with the exponent, down to the mean.
            optimizer.apply_gradients([(tape.gradient(pooled, layer.exponent), layer.exponent)])
            exponents.append(float(layer.exponent))
        self.assertBetween(exponents[0], 1.0, 2.99)
        self.assertEqual(exponents[-1], 1.0)
        self.assertGreaterEqual(min(exponents), 1.0)
        self.assertAllClose(layer(features), tf.reduce_mean(features, axis=[1, 2]), rtol=1e-5)
