"""The network: shapes, weights by seed, precision."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.config import ModelConfig
from models.backbones import conv4, conv4_format
from models.embedding import build_embedding_model, image_format


def _build(image_size=16, width=3, embedding_size=5, channels=1, seed=0) -> tf.keras.Model:
    return build_embedding_model(
        ModelConfig(width=width, image_size=image_size, embedding_size=embedding_size), channels, seed
    )


class BackboneTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters((8, 1), (9, 1), (15, 1), (16, 1), (17, 1), (28, 1), (31, 1), (32, 2), (64, 4))
    def test_map(self, image_size, expected):
        # Four halvings, rounded down; a map of one pixel stays: 8 → 4 → 2 → 1 → 1.
        backbone = conv4(conv4_format(image_size, 3), width=2)
        self.assertEqual(backbone.output_shape, (None, expected, expected, 2))

    def test_format(self):
        # Intensities from 0 to 1 become −1 to 1, of the whole image.
        for channels in (1, 3):
            fmt = conv4_format(20, channels)
            self.assertEqual((fmt.size, fmt.resize, fmt.channels), (20, 20, channels))
            self.assertEqual(image_format(ModelConfig(image_size=20), channels), fmt)


class EmbeddingModelTest(parameterized.TestCase, tf.test.TestCase):
    def tearDown(self):
        tf.keras.mixed_precision.set_global_policy("float32")
        super().tearDown()

    @parameterized.product(image_size=(8, 16, 28, 64), channels=(1, 3), batch=(1, 4))
    def test_shapes(self, image_size, channels, batch):
        embeddings = _build(image_size, channels=channels)(tf.ones([batch, image_size, image_size, channels]))
        self.assertEqual((embeddings.shape, embeddings.dtype), ((batch, 5), tf.float32))

    def test_variables(self):
        model = _build(width=3, embedding_size=5, channels=2)
        trainable = {v.name.partition(":")[0]: tuple(v.shape) for v in model.trainable_variables}
        expected = {"conv0/kernel": (3, 3, 2, 3), "embedding/kernel": (3, 5)}
        expected.update({f"conv{block}/kernel": (3, 3, 3, 3) for block in (1, 2, 3)})
        expected.update({f"norm{block}/{name}": (3,) for block in range(4) for name in ("gamma", "beta")})
        self.assertEqual(trainable, expected)  # No bias: not in the convolutions, not in the embedding.
        self.assertLen(model.non_trainable_variables, 8)  # Mean and variance of four batch norms.

    def test_embedding_is_the_mean_feature_times_the_kernel(self):
        model = _build()
        images = np.random.default_rng(0).normal(size=(3, 16, 16, 1)).astype(np.float32)
        features = tf.keras.Model(model.input, model.get_layer("pooling").input)(images)
        expected = features.numpy().mean(axis=(1, 2)) @ model.get_layer("embedding").kernel.numpy()
        self.assertAllClose(model(images), expected, rtol=1e-5, atol=1e-6)

    def test_is_not_normalised(self):
        model = _build()
        kernel = model.get_layer("embedding").kernel
        images = tf.random.stateless_normal([4, 16, 16, 1], (0, 0))
        before = model(images)
        kernel.assign(1000.0 * kernel)
        self.assertAllClose(model(images), 1000.0 * before, rtol=1e-4)
        self.assertGreater(tf.reduce_max(tf.norm(model(images), axis=1)), 1.0)

    def test_weights_follow_the_seed(self):
        first, again, other = (_build(seed=seed).get_weights() for seed in (3, 3, 4))
        for one, two in zip(first, again):
            np.testing.assert_array_equal(one, two)
        kernels = [one.ndim > 1 for one in first]  # Batch norms start alike.
        self.assertEqual([bool((one != two).any()) for one, two in zip(first, other)], kernels)

    def test_an_image_is_embedded_alike_alone_and_in_a_batch(self):
        model = _build()
        images = tf.random.stateless_normal([5, 16, 16, 1], (0, 1))
        alone = tf.concat([model(images[i : i + 1], training=False) for i in range(5)], axis=0)
        self.assertAllClose(model(images, training=False), alone, rtol=1e-5, atol=1e-6)

    @parameterized.parameters("mixed_float16", "mixed_bfloat16")
    def test_mixed_precision_ends_in_float32(self, policy):
        images = tf.random.stateless_normal([4, 16, 16, 1], (0, 2))
        full = _build()(images)
        tf.keras.mixed_precision.set_global_policy(policy)
        model = _build()
        embeddings = model(images)
        self.assertEqual(embeddings.dtype, tf.float32)
        self.assertEqual(model.get_layer("conv3").compute_dtype, policy.partition("_")[2])
        self.assertTrue(all(variable.dtype == tf.float32 for variable in model.variables))
        # The same network to the precision of the half types (bfloat16: 2^-8 per operation).
        self.assertAllClose(embeddings, full, rtol=0.05, atol=0.05 * np.abs(full).max())
