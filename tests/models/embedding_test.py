"""The network: shapes, weights by seed, frozen batch norms, precision."""

from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.keras_api import is_fused, layers_of, weight_name
from models.embedding import build_embedding_model
from models.settings import NetworkSettings
from models.synchronized import synchronized
from tests.support import networks


def _build(image_size=16, width=3, embedding_size=5, channels=1, seed=0, **settings) -> tf.keras.Model:
    network = NetworkSettings(width=width, image_size=image_size, embedding_size=embedding_size, **settings)
    return build_embedding_model(network, channels, seed)


def _norms(model: tf.keras.Model) -> list[tf.keras.layers.BatchNormalization]:
    return [layer for layer in layers_of(model) if isinstance(layer, tf.keras.layers.BatchNormalization)]


def _train(model: tf.keras.Model, images: np.ndarray, steps: int) -> None:
    optimizer = tf.keras.optimizers.SGD(0.01)
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(images, training=True) - 1.0))
        variables = model.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))


class EmbeddingNetworkTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters((8, 1, 1), (28, 1, 4), (64, 3, 4))
    def test_shapes(self, image_size, channels, batch):
        embeddings = _build(image_size, channels=channels)(tf.ones([batch, image_size, image_size, channels]))
        self.assertEqual((embeddings.shape, embeddings.dtype), ((batch, 5), tf.float32))

    def test_variables(self):
        model = _build(width=3, embedding_size=5, channels=2)
        trainable = {
            f"{layer.name}/{weight_name(layer, v)}": tuple(v.shape)
            for layer in model.layers
            for v in layer.trainable_variables
        }
        expected = {"conv0/kernel": (3, 3, 2, 3), "embedding/kernel": (3, 5)}
        expected.update({f"conv{block}/kernel": (3, 3, 3, 3) for block in (1, 2, 3)})
        expected.update({f"norm{block}/{name}": (3,) for block in range(4) for name in ("gamma", "beta")})
        self.assertEqual(trainable, expected)  # No bias: not in the convolutions, not in the embedding.
        self.assertLen(model.non_trainable_variables, 8)  # Mean and variance of four batch norms.

    @parameterized.parameters(("average", np.mean), ("max", np.max))
    def test_embedding_is_the_pooled_feature_times_the_kernel(self, pooling, pooled):
        model = _build(image_size=32, pooling=pooling)
        images = np.random.default_rng(0).uniform(0, 255, size=(3, 32, 32, 1)).astype(np.float32)
        features = tf.keras.Model(model.input, model.get_layer("pool3").output)(images).numpy()
        self.assertEqual(features.shape, (3, 2, 2, 3))
        expected = pooled(features, axis=(1, 2)) @ model.get_layer("embedding").kernel.numpy()
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
        # Keras 2 and Keras 3 draw the same numbers.
        self.assertAllClose(first[0].ravel()[:3], [-0.00168893, -0.39524409, 0.26070499], rtol=1e-5)
        self.assertAllClose(first[-1].ravel()[:3], [-0.10684997, -0.84292006, -0.67439246], rtol=1e-5)
        kernels = [one.ndim > 1 for one in first]  # Batch norms start alike.
        self.assertEqual([bool((one != two).any()) for one, two in zip(first, other)], kernels)


class FrozenBatchNormTest(parameterized.TestCase, tf.test.TestCase):
    def test_takes_no_fused_kernel_where_there_is_a_gpu(self):
        # There its gradient in inference mode is not deterministic, and refuses where that is asked for.
        images = np.random.default_rng(0).uniform(0, 255, [4, 16, 16, 1]).astype(np.float32)
        by_kernel = {}
        for fused, devices in ((True, []), (False, ["a GPU"])):
            with mock.patch.object(tf.config, "list_physical_devices", return_value=devices):
                model = synchronized(_build(freeze_bn=True))
            if fused and not any(map(is_fused, _norms(model))):
                self.skipTest("Keras 3 uses no fused kernel for batch norms")
            self.assertEqual({is_fused(norm) for norm in _norms(model)}, {fused})
            with tf.GradientTape() as tape:
                embeddings = model(images, training=True)
            by_kernel[fused] = [embeddings, *tape.gradient(embeddings, model.trainable_variables)]
        for one, other in zip(by_kernel[True], by_kernel[False]):
            self.assertAllClose(one, other, rtol=1e-4, atol=1e-5)

    @parameterized.parameters(("conv4", 4, 3), ("efficientnet_b0", 49, 1))
    def test_rests_in_training(self, backbone, num_norms, steps):
        model, images = networks.embedding_network(backbone), networks.images(count=4)
        with networks.unchanged_after(model):
            norms = _norms(model)
            self.assertLen(norms, num_norms)
            random = np.random.default_rng(0)
            for norm in norms:  # As after other training, not as at the start.
                norm.set_weights([random.uniform(0.9, 1.1, weight.shape) for weight in norm.weights])
            norms_before = [norm.get_weights() for norm in norms]
            trained = {id(variable) for variable in model.trainable_variables}
            before = [variable.numpy() for variable in model.trainable_variables]
            self.assertAllEqual(model(images, training=True), model(images, training=False))
            _train(model, images, steps)
            for norm, weights in zip(norms, norms_before):
                self.assertLen(weights, 4)
                self.assertEmpty(trained & {id(variable) for variable in norm.variables})
                for now, then in zip(norm.get_weights(), weights):
                    np.testing.assert_array_equal(now, then)
            moved = [bool((v.numpy() != then).any()) for v, then in zip(model.trainable_variables, before)]
            self.assertTrue(all(moved))  # Everything else is trained.

    def test_is_nothing_but_frozen(self):
        # The same weights in the same order, whatever is trained: checkpoints and copies match them by position.
        frozen, free = _build(freeze_bn=True), _build()
        self.assertEqual([v.name for v in frozen.weights], [v.name for v in free.weights])
        self.assertLen(free.trainable_variables, len(frozen.trainable_variables) + 8)
        images = tf.random.stateless_uniform([4, 16, 16, 1], (0, 2), 0.0, 255.0)
        self.assertAllClose(frozen(images, training=True), free(images, training=False), rtol=1e-6)


class MixedPrecisionTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(precision=("float16", "bfloat16"), pooling=("average", "gem"))
    def test_ends_in_float32(self, precision, pooling):
        images = tf.random.stateless_uniform([4, 16, 16, 1], (0, 2), 0.0, 255.0)
        full = _build(pooling=pooling)(images)
        model = _build(pooling=pooling, mixed_precision=precision)
        embeddings = model(images)
        self.assertEqual(embeddings.dtype, tf.float32)
        self.assertEqual(model.get_layer("conv3").compute_dtype, precision)
        self.assertEqual(model.get_layer("input_convention").compute_dtype, "float32")
        self.assertEqual(model.get_layer("embedding").compute_dtype, "float32")
        self.assertTrue(all(variable.dtype == tf.float32 for variable in model.variables))
        # The same network to the precision of the half types (bfloat16: 2^-8 per operation).
        self.assertAllClose(embeddings, full, rtol=0.05, atol=0.05 * np.abs(full).max())

    @parameterized.parameters(("float16", "float16"), ("none", "float32"))
    def test_policy_is_as_before_even_after_a_failure(self, precision, compute):
        tf.keras.mixed_precision.set_global_policy("mixed_bfloat16")
        self.addCleanup(tf.keras.mixed_precision.set_global_policy, "float32")
        self.assertEqual(_build(mixed_precision=precision).get_layer("conv0").compute_dtype, compute)
        failing = mock.patch("models.embedding.pool", side_effect=ValueError("no pooling"))
        with failing, self.assertRaisesRegex(ValueError, "no pooling"):
            _build(mixed_precision=precision)
        self.assertEqual(tf.keras.mixed_precision.global_policy().name, "mixed_bfloat16")
