"""BN-Inception against the recorded output of PyTorch's, and its borders against plain loops."""

import functools

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from models.backbones.bn_inception import bn_inception
from models.weights.assignment import assign_weights
from models.weights.pytorch_checkpoint import layer_name
from models.weights.pytorch_layouts import keras_tensors
from tests.support import recorded_bn_inception


@functools.cache
def _network(height=None, width=None) -> tf.keras.Model:
    """With the weights of the recording; not to be changed."""
    model = _build(height, width)
    assign_weights(model, keras_tensors(recorded_bn_inception.pytorch_state(), layer_name), "recording")
    return model


def _build(height=None, width=None) -> tf.keras.Model:
    inputs = tf.keras.Input((height, width, 3))
    return tf.keras.Model(inputs, bn_inception(inputs))


def _between(model: tf.keras.Model, first: str, last: str) -> tf.keras.Model:
    """From the output of one layer to that of another."""
    return tf.keras.Model(model.get_layer(first).output, model.get_layer(last).output)


def _windows(size: int, kernel: int, stride: int, padding: int) -> list[slice]:
    """The windows along one axis of a pool that rounds up, as PyTorch places them."""
    count = -(-(size + 2 * padding - kernel) // stride) + 1
    if (count - 1) * stride >= size + padding:
        count -= 1  # The last window must begin inside the map, or in the padding before it.
    starts = [i * stride - padding for i in range(count)]
    return [slice(max(start, 0), min(start + kernel, size)) for start in starts]


def _pool(reduce, features: np.ndarray, stride: int, padding: int) -> np.ndarray:
    """``reduce`` of every 3 × 3 window, cut where it leaves the map."""
    rows, columns = (_windows(size, 3, stride, padding) for size in features.shape[1:3])
    return np.stack([np.stack([reduce(features[:, i, j], axis=(1, 2)) for j in columns], axis=1) for i in rows], axis=1)


def _convolution(features: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """Of a map that is padded by half the kernel on every side."""
    size = kernel.shape[0]
    margin = (size // 2, size // 2)
    padded = np.pad(features.astype(np.float64), ((0, 0), margin, margin, (0, 0)))
    rows, columns = (range(0, length - size + 1, stride) for length in padded.shape[1:3])
    result = [[np.tensordot(padded[:, i : i + size, j : j + size], kernel, 3) for j in columns] for i in rows]
    return np.moveaxis(np.array(result), 2, 0)


class BNInceptionTest(parameterized.TestCase, tf.test.TestCase):
    def test_matches_the_recording(self):
        recorded = recorded_bn_inception.recorded()
        images = recorded_bn_inception.images()
        for size in (227, None):  # Where the size is unknown, pools are padded in another way.
            features = _network(size, size)(images, training=False).numpy()
            self.assertEqual(features.shape, tuple(recorded["output_shape"]))
            self.assertAllClose(features.mean(axis=(1, 2)), recorded["output_mean"], rtol=0, atol=1e-5)
            self.assertAllClose(features.max(axis=(1, 2)), recorded["output_max"], rtol=0, atol=1e-5)

    def test_layers_have_the_published_names(self):
        names = {str(name).rpartition(".")[0] for name in recorded_bn_inception.recorded()["names"]}
        self.assertEqual({layer.name for layer in _network().layers if layer.weights}, names)

    def test_sizes(self):
        # The stem's convolution pads 3 and rounds down: (227 + 6 − 7) / 2 + 1 = 114. Two pools round up: (114 − 3) / 2
        # + 1 = 57, (57 − 3) / 2 + 1 = 28. Two blocks halve.
        names = ("conv1_7x7_s2", "pool1_3x3_s2", "pool2_3x3_s2", "inception_3c_output", "inception_5b_output")
        shapes = [_network(224, 227).get_layer(name).output.shape[1:3] for name in names]
        self.assertEqual(list(zip(*shapes)), [(112, 56, 28, 14, 7), (114, 57, 28, 14, 7)])

    @parameterized.parameters(
        # 232 → 116 → 58 → 29 before 3c; 240 → 120 → 60 → 30 → 15 before 4e.
        (232, 224, "inception_3c.*29 × 28"),
        (224, 240, "inception_4e.*14 × 15"),
    )
    def test_sizes_whose_branches_do_not_fit_are_refused(self, height, width, message):
        with self.assertRaisesRegex(ConfigError, message):
            _build(height, width)

    @parameterized.parameters((10, 10), (11, 11), (10, 11), (7, 4), (3, 3))
    def test_strided_pool_of_an_unknown_size_rounds_up(self, height, width):
        features = np.random.default_rng(0).uniform(size=(2, height, width, 64)).astype(np.float32)
        pool = _between(_network(), "conv1_7x7_s2_relu", "pool1_3x3_s2")
        self.assertAllEqual(pool(features), _pool(np.max, features, 2, 0))

    def test_strided_pools_of_known_sizes_round_up(self):
        # Before the second pool, 56 × 57: one side of each parity; before the first, 112 × 114: both even.
        model = _network(224, 227)
        for before, pool, shape in (
            ("conv1_7x7_s2_relu", "pool1_3x3_s2", (1, 112, 114, 64)),
            ("conv2_3x3_relu", "pool2_3x3_s2", (1, 56, 57, 192)),
            ("inception_4d_output", "inception_4e_pool", (1, 14, 14, 608)),
        ):
            features = np.random.default_rng(1).uniform(size=shape).astype(np.float32)
            self.assertAllEqual(_between(model, before, pool)(features), _pool(np.max, features, 2, 0))

    def test_pools_inside_blocks(self):
        features = np.random.default_rng(2).normal(size=(2, 5, 6, 1024)).astype(np.float32)
        pool = _between(_network(), "inception_5a_output", "inception_5b_pool")
        self.assertAllEqual(pool(features), _pool(np.max, features, 1, 1))
        features = features[..., :192]
        pool = _between(_network(), "pool2_3x3_s2", "inception_3a_pool")
        # Outside the map, zeros: always nine values to a mean.
        self.assertAllClose(pool(features), _pool(np.sum, features, 1, 1) / 9.0, rtol=1e-5, atol=1e-6)

    @parameterized.parameters((8, 8), (9, 8), (9, 9))
    def test_strided_convolutions_pad_both_sides_alike(self, height, width):
        for before, convolution in (
            (None, "conv1_7x7_s2"),
            ("inception_3c_double_3x3_1_relu", "inception_3c_double_3x3_2"),
        ):
            model = _network()
            layer = model.get_layer(convolution)
            start = model.input if before is None else model.get_layer(before).output
            features = np.random.default_rng(3).normal(size=(2, height, width, start.shape[-1])).astype(np.float32)
            expected = _convolution(features, layer.kernel.numpy(), 2) + layer.bias.numpy()
            self.assertAllClose(tf.keras.Model(start, layer.output)(features), expected, rtol=1e-5, atol=1e-5)

    def test_batch_norms_keep_nine_tenths_of_their_statistics(self):
        norms = [layer for layer in _network().layers if isinstance(layer, tf.keras.layers.BatchNormalization)]
        self.assertEqual({(norm.momentum, norm.epsilon) for norm in norms}, {(0.9, 1e-5)})

    def test_every_variable_has_a_gradient(self):
        images = np.random.default_rng(6).normal(size=(2, 64, 64, 3)).astype(np.float32)
        model = _network()
        with tf.GradientTape() as tape:
            mean = tf.reduce_mean(tf.square(model(images, training=False)))
        for variable, gradient in zip(model.trainable_variables, tape.gradient(mean, model.trainable_variables)):
            self.assertGreater(tf.reduce_max(tf.abs(gradient)), 0.0, variable.name)
