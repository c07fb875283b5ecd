"""Losses under Keras's mixed-precision policies: a network in half precision, losses and variables in float32."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import CCPLoss, ClassProxies, CrossBatchMemory, ProxyReinitializer
from tests.support import loss_cases


class MixedPrecisionTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(tf.keras.mixed_precision.set_global_policy, tf.keras.mixed_precision.global_policy())

    @parameterized.product(name=loss_cases.NAMES, policy=("mixed_float16", "mixed_bfloat16"))
    def test_a_model_gets_finite_gradients(self, name, policy):
        tf.keras.mixed_precision.set_global_policy(policy)
        tf.keras.utils.set_random_seed(0)
        model = tf.keras.Sequential([tf.keras.layers.Dense(8, activation="relu"), tf.keras.layers.Dense(4)])
        loss = CCPLoss(loss_cases.build(name), ClassProxies(3, 2, 4), memory=CrossBatchMemory(6, 4))
        images = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
        with tf.GradientTape() as tape:
            embeddings = model(images)
            value = loss([0, 0, 1, 1, 2, 2], embeddings)
        self.assertEqual(embeddings.dtype, tf.as_dtype(policy.removeprefix("mixed_")))
        self.assertEqual(value.dtype, tf.float32)
        weights = [*model.trainable_variables, *loss.proxies.trainable_variables]
        self.assertLen(weights, 5)
        for weight, gradient in zip(weights, tape.gradient(value, weights)):
            self.assertEqual((weight.dtype, gradient.dtype), (tf.float32, tf.float32))
            self.assertAllInRange(gradient, -1e4, 1e4)
            self.assertGreater(np.abs(gradient).max(), 0)

    def test_layers_compute_in_float32(self):
        tf.keras.mixed_precision.set_global_policy("mixed_float16")
        proxies, memory = ClassProxies(2, 1, 4), CrossBatchMemory(2, 4)
        memory.observe([0, 1], tf.ones((2, 4), tf.float16))
        self.assertEqual(proxies.references()[1].dtype, tf.float32)
        self.assertEqual(memory.references()[1].dtype, tf.float32)
        # 1 and 1 + 2**-12 are one number in float16: the second is chosen only in float32.
        candidates = tf.constant([[[1.0], [1.0 + 2.0**-12]]])
        self.assertAllEqual(ProxyReinitializer(1)(candidates, tf.constant([[[0.0]]])), [[[1.0 + 2.0**-12]]])
