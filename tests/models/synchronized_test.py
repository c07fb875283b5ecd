"""Batch norm over all replicas; over several of them: tests/distributed_test.py."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.keras_api import is_fused, layers_of
from models.embedding import build_embedding_model
from models.settings import NetworkSettings
from models.synchronized import GlobalBatchNormalization, synchronized

_SHAPES = {"images": (5, 3, 2, 4), "vectors": (7, 4), "one pixel each": (3, 1, 1, 4)}


def _trained(layer: tf.keras.layers.Layer, inputs: tf.Tensor) -> list[tf.Tensor]:
    """Output and gradients of a training call, and what it leaves in the layer."""
    weights = tf.constant(np.random.default_rng(1).normal(size=inputs.shape), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        output = layer(inputs, training=True)
        total = tf.reduce_sum(weights * tf.square(tf.cast(output, tf.float32)))
    return [output, *tape.gradient(total, [inputs, *layer.trainable_variables]), *layer.weights]


class GlobalBatchNormalizationTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*_SHAPES)
    def test_on_one_device_equals_keras(self, name):
        # Far from 0, where E(x²) − E(x)² would lose digits.
        inputs = tf.constant(np.random.default_rng(0).normal(30.0, 2.0, size=_SHAPES[name]), tf.float32)
        ours, theirs = GlobalBatchNormalization(momentum=0.9), tf.keras.layers.BatchNormalization(momentum=0.9)
        for actual, expected in zip(_trained(ours, inputs), _trained(theirs, inputs)):
            self.assertAllClose(actual, expected, rtol=2e-5, atol=2e-4)
        self.assertAllEqual(ours(inputs, training=False), ours(inputs))
        self.assertAllClose(ours(inputs), theirs(inputs), rtol=2e-5, atol=2e-5)

    def test_moving_variance_of_images_is_corrected_where_keras_does(self):
        inputs = tf.constant(np.random.default_rng(0).normal(size=_SHAPES["images"]), tf.float32)
        layer = GlobalBatchNormalization(momentum=0.9)
        layer(inputs, training=True)
        # From 1, a tenth of the way to the sample variance, divided by n − 1 as Keras 2's kernel does, or by n.
        values = inputs.numpy().reshape(-1, 4).astype(np.float64)
        expected = 0.9 + 0.1 * np.var(values, axis=0, ddof=int(is_fused(layer)))
        self.assertAllClose(layer.moving_variance, expected, rtol=1e-5)

    def test_frozen_statistics_stay(self):
        inputs = tf.constant(np.random.default_rng(0).normal(size=_SHAPES["images"]), tf.float32)
        layer = GlobalBatchNormalization(trainable=False)
        self.assertAllEqual(layer(inputs, training=True), layer(inputs, training=False))
        self.assertAllEqual(layer.moving_mean, np.zeros(4))

    def test_half_precision_inputs_and_outputs(self):
        inputs = tf.constant(np.random.default_rng(0).normal(100.0, 1.0, size=(8, 4, 4, 2)), tf.float16)
        ours = GlobalBatchNormalization(dtype="mixed_float16")(inputs, training=True)
        theirs = tf.keras.layers.BatchNormalization(dtype="mixed_float16")(inputs, training=True)
        self.assertEqual(ours.dtype, tf.float16)
        self.assertAllClose(ours, theirs, atol=2e-3)


class SynchronizedTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(False, True)
    def test_the_same_network_with_other_batch_norms(self, freeze_bn):
        config = NetworkSettings(width=4, image_size=16, embedding_size=8, freeze_bn=freeze_bn)
        model = build_embedding_model(config, 3, seed=0)
        clone = synchronized(model)
        norms = [m for m in layers_of(clone) if isinstance(m, tf.keras.layers.BatchNormalization)]
        self.assertNotEmpty(norms)
        for norm in norms:
            self.assertIsInstance(norm, GlobalBatchNormalization)
            self.assertEqual(norm.trainable, not freeze_bn)
        # Checkpoints depend on them.
        self.assertEqual([w.name for w in clone.weights], [w.name for w in model.weights])
        self.assertEqual([w.name for w in clone.trainable_weights], [w.name for w in model.trainable_weights])
        images = tf.random.stateless_uniform([3, 16, 16, 3], [0, 0], 0.0, 255.0)
        self.assertAllClose(clone(images), model(images), rtol=1e-5, atol=1e-6)
