"""Networks whose kernels are stored as float16."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import UserError
from models.export import export, load_exported
from models.float16 import Float16Weights
from tests.datasets import pictures
from tests.models import networks, served


def _rounded(model: tf.keras.Model) -> tf.keras.Model:
    """The same network with weights of more than one dimension rounded to float16, by NumPy."""
    copy = tf.keras.models.clone_model(model)
    copy.set_weights([w.astype(np.float16).astype(np.float32) if w.ndim > 1 else w for w in model.get_weights()])
    return copy


def _images(model: tf.keras.Model, count: int = 3) -> tf.Tensor:
    random = np.random.default_rng(0)
    return tf.constant(random.uniform(0, 255, (count, *model.input_shape[1:])), tf.float32)


class Float16WeightsTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters("conv4", "efficientnet_b0")
    def test_is_the_network_with_rounded_kernels(self, backbone):
        model = networks.embedding_network(backbone)
        images = _images(model)
        embed = tf.function(Float16Weights(model).__call__)
        found, plain = embed(images), model(images, training=False)
        largest = np.abs(plain).max()
        self.assertAllClose(found / largest, _rounded(model)(images, training=False) / largest, rtol=0, atol=1e-5)
        self.assertGreater(np.abs(found - plain).max() / largest, 1e-4)

    def test_kernels_are_half_the_size_and_the_rest_as_it_was(self):
        model = networks.embedding_network("conv4")
        variables = Float16Weights(model).variables
        kinds = {(variable.dtype.name, len(variable.shape) > 1) for variable in variables}
        self.assertEqual(kinds, {("float16", True), ("float32", False)})
        self.assertCountEqual([v.shape for v in variables], [w.shape for w in model.get_weights()])

    def test_the_network_is_left_as_it_was(self):
        model = networks.embedding_network("conv4")
        images, before = _images(model), [(id(v), v.name, v.numpy()) for v in model.weights]
        embeddings = model(images, training=False)
        Float16Weights(model)(images)
        for variable, (identity, name, value) in zip(model.weights, before):
            self.assertEqual((id(variable), variable.name), (identity, name))
            self.assertAllEqual(variable, value)
        self.assertAllEqual(model(images, training=False), embeddings)

    def test_it_is_left_as_it_was_after_an_error_too(self):
        model = networks.embedding_network("conv4")
        with self.assertRaises(ValueError):
            Float16Weights(model)(tf.zeros([1, 5, 5, 3]))
        for layer in model.layers:
            for variable in layer.trainable_weights:
                self.assertTrue(any(variable is value for value in vars(layer).values()), variable.name)

    def test_exported(self):
        folder, images = pictures.folder_for(self), served.digit_images(7)
        for name, network in (("half", Float16Weights(served.network())), ("rounded", _rounded(served.network()))):
            export(network, served.FORMAT, str(folder / name), served.INFO)
        embeddings = {
            name: load_exported(str(folder / name)).signatures["uint8"](tf.constant(images))["embeddings"]
            for name in ("half", "rounded")
        }
        self.assertAllClose(embeddings["half"], embeddings["rounded"], rtol=0, atol=1e-6)
        self.assertAllClose(embeddings["half"], served.expected(images), rtol=0, atol=5e-3)
        checkpoint = tf.train.load_checkpoint(str(folder / "half" / "1" / "variables" / "variables"))
        stored = checkpoint.get_variable_to_dtype_map()
        shapes = checkpoint.get_variable_to_shape_map()
        # Nothing of the float32 kernels came along.
        self.assertEqual({stored[name] for name, shape in shapes.items() if len(shape) > 1}, {tf.float16})

    @parameterized.parameters(65536.0, -1e30, np.inf, np.nan)
    def test_a_weight_beyond_float16_is_refused(self, value):
        layer = tf.keras.layers.Dense(2)
        model = tf.keras.Sequential([tf.keras.Input([3]), layer])
        kernel = np.zeros([3, 2], np.float32)
        kernel[1, 1] = 65504.0  # The largest there is.
        layer.set_weights([kernel, np.full(2, 1e30, np.float32)])
        self.assertEqual(Float16Weights(model)(tf.ones([1, 3]))[0, 1], np.float32(1e30) + 65504.0)
        kernel[2, 0] = value
        layer.set_weights([kernel, np.zeros(2, np.float32)])
        with self.assertRaisesRegex(UserError, r"kernel:0 holds .*, and float16 ends at 65504; export the model"):
            Float16Weights(model)

    def test_weights_that_cannot_be_found_are_refused(self):
        class Listed(tf.keras.layers.Layer):
            def build(self, input_shape):
                self.kernels = [self.add_weight(name="listed", shape=[3, 3])]

            def call(self, inputs):
                return inputs @ self.kernels[0]

        model = tf.keras.Sequential([tf.keras.Input([3]), Listed()])
        with self.assertRaisesRegex(UserError, "no layer holds .*listed:0 by a name"):
            Float16Weights(model)(tf.ones([1, 3]))

    def test_is_for_inference(self):
        with self.assertRaisesRegex(ValueError, "is for inference"):
            Float16Weights(networks.embedding_network("conv4"))(tf.zeros([1, 64, 64, 3]), training=True)


if __name__ == "__main__":
    tf.test.main()
