"""EfficientNet-Lite against plain NumPy, through the names and layouts of the published PyTorch tensors."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.backbones.efficientnet_lite import efficientnet_lite
from models.settings import NetworkSettings
from models.weights.assignment import assign_weights
from models.weights.packaged_weights import layer_name
from models.weights.pytorch_layouts import keras_tensors

_STRIDES, _KERNELS = (1, 2, 2, 2, 1, 2, 1), (3, 3, 5, 3, 5, 5, 3)
# By network, of each stage: blocks and channels, as the published tensors have them.
_NETWORKS = {
    "efficientnet_lite0": ((1, 2, 2, 3, 3, 4, 1), (16, 24, 40, 80, 112, 192, 320)),
    "efficientnet_lite1": ((1, 3, 3, 4, 4, 5, 1), (16, 24, 40, 80, 112, 192, 320)),
    "efficientnet_lite2": ((1, 3, 3, 4, 4, 5, 1), (16, 24, 48, 88, 120, 208, 352)),
}


def _blocks(name):
    """Stride, kernel size, expansion and channels of every block."""
    for stage, (repeats, channels) in enumerate(zip(*_NETWORKS[name])):
        for repeat in range(repeats):
            yield 1 if repeat else _STRIDES[stage], _KERNELS[stage], 6 if stage else 1, channels


def _pytorch_state(name):
    """Random tensors under the published names, in PyTorch's layouts."""
    random, state = np.random.default_rng(0), {}

    def convolution(path, *shape):
        state[f"{path}.weight"] = random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)

    def norm(path, channels):
        for weight in ("weight", "bias", "running_mean", "running_var"):
            low, high = (0.5, 1.5) if weight in ("weight", "running_var") else (-0.2, 0.2)
            state[f"{path}.{weight}"] = random.uniform(low, high, channels).astype(np.float32)
        state[f"{path}.num_batches_tracked"] = np.array(1)

    convolution("_conv_stem", 32, 3, 3, 3)
    norm("_bn0", 32)
    channels_in = 32
    for number, (_, kernel, expansion, channels) in enumerate(_blocks(name)):
        path, inner = f"_blocks.{number}", channels_in * expansion
        if expansion > 1:
            convolution(f"{path}._expand_conv", inner, channels_in, 1, 1)
            norm(f"{path}._bn0", inner)
        convolution(f"{path}._depthwise_conv", inner, 1, kernel, kernel)
        norm(f"{path}._bn1", inner)
        convolution(f"{path}._project_conv", channels, inner, 1, 1)
        norm(f"{path}._bn2", channels)
        channels_in = channels
    convolution("_conv_head", 1280, channels_in, 1, 1)
    norm("_bn1", 1280)
    return state


def _expected(name, state, images):
    """The network's features in float64, channels last."""

    def layer(features, conv, norm, stride=1, activated=True):
        features = _convolution(features, state[f"{conv}.weight"].astype(np.float64), stride)
        gamma, beta, mean, variance = (
            state[f"{norm}.{weight}"].astype(np.float64) for weight in ("weight", "bias", "running_mean", "running_var")
        )
        features = gamma * (features - mean) / np.sqrt(variance + 1e-3) + beta
        return np.clip(features, 0, 6) if activated else features

    features = layer(images.astype(np.float64), "_conv_stem", "_bn0", 2)
    for number, (stride, _, expansion, channels) in enumerate(_blocks(name)):
        path, inner = f"_blocks.{number}", features
        if expansion > 1:
            inner = layer(inner, f"{path}._expand_conv", f"{path}._bn0")
        inner = layer(inner, f"{path}._depthwise_conv", f"{path}._bn1", stride)
        inner = layer(inner, f"{path}._project_conv", f"{path}._bn2", activated=False)
        is_residual = stride == 1 and features.shape[-1] == channels
        features = features + inner if is_residual else inner
    return layer(features, "_conv_head", "_bn1")


def _convolution(features, weights, stride):
    """With [out, in, size, size], or depthwise with [out, 1, size, size]; padded as TensorFlow does for ``same``."""
    size, length = weights.shape[-1], features.shape[1]
    count = -(-length // stride)
    lacking = max((count - 1) * stride + size - length, 0)
    padding = (lacking // 2, lacking - lacking // 2)
    padded = np.pad(features, ((0, 0), padding, padding, (0, 0)))
    is_depthwise = weights.shape[1] == 1
    result = 0
    for i in range(size):
        for j in range(size):
            window = padded[:, i : i + stride * (count - 1) + 1 : stride, j : j + stride * (count - 1) + 1 : stride]
            result = result + (window * weights[:, 0, i, j] if is_depthwise else window @ weights[:, :, i, j].T)
    return result


def _build(name, size):
    inputs = tf.keras.Input((size, size, 3))
    return tf.keras.Model(inputs, efficientnet_lite(inputs, NetworkSettings(name)))


class EfficientNetLiteTest(parameterized.TestCase, tf.test.TestCase):
    # Odd and even sizes on the way: 64, 32, 16, 8, 4, 2; 45, 23, 12, 6, 3, 2.
    @parameterized.parameters(("efficientnet_lite0", 64), ("efficientnet_lite2", 45))
    def test_against_numpy(self, name, size):
        model, state = _build(name, size), _pytorch_state(name)
        self.assertEqual(assign_weights(model, keras_tensors(state, layer_name), "made up"), [])
        images = np.random.default_rng(1).uniform(-1, 1, (2, size, size, 3)).astype(np.float32)
        expected = _expected(name, state, images)
        self.assertGreater(expected.std(), 0.1)
        self.assertAllClose(model(images, training=False), expected, rtol=0, atol=1e-3)

    @parameterized.parameters(
        # The published numbers of parameters, 4.65, 5.42 and 6.09 million, less the classifier's 1,281,000.
        ("efficientnet_lite0", 4_652_008),
        ("efficientnet_lite1", 5_416_680),
        ("efficientnet_lite2", 6_092_072),
    )
    def test_counts(self, name, with_classifier):
        model = _build(name, 224)
        self.assertEqual(model.output_shape, (None, 7, 7, 1280))
        count = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        self.assertEqual(count, with_classifier - 1280 * 1000 - 1000)


if __name__ == "__main__":
    tf.test.main()
