"""ResNet-20 against plain NumPy."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.backbones.cifar_resnet import resnet20


def _build(size: int, channels: int = 3) -> tf.keras.Model:
    inputs = tf.keras.Input((size, size, channels))
    return tf.keras.Model(inputs, resnet20(inputs))


def _convolution(features: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """As TensorFlow's ``same``: the missing padding on both sides, an odd pixel at the end."""
    size, length = kernel.shape[0], features.shape[1]
    count = -(-length // stride)
    missing = max((count - 1) * stride + size - length, 0)
    padding = (missing // 2, missing - missing // 2)
    padded = np.pad(features, ((0, 0), padding, padding, (0, 0)))
    windows = [
        padded[:, i : i + stride * (count - 1) + 1 : stride, j : j + stride * (count - 1) + 1 : stride] @ kernel[i, j]
        for i in range(size)
        for j in range(size)
    ]
    return sum(windows)


class _Reference:
    """The network as in the paper, from the weights of a model by layer name, in float64."""

    def __init__(self, model: tf.keras.Model):
        self._weights = {layer.name: [w.astype(np.float64) for w in layer.get_weights()] for layer in model.layers}

    def __call__(self, images: np.ndarray) -> np.ndarray:
        features = np.maximum(self._normalized(images.astype(np.float64), "stem", 1), 0)
        for stage in range(3):
            for block in range(3):
                stride, name = (2 if stage and not block else 1), f"stage{stage}_block{block}"
                inner = np.maximum(self._normalized(features, f"{name}_first", stride), 0)
                inner = self._normalized(inner, f"{name}_second", 1)
                shortcut = self._normalized(features, f"{name}_shortcut", 2) if stride == 2 else features
                features = np.maximum(shortcut + inner, 0)
        return features

    def _normalized(self, features: np.ndarray, name: str, stride: int) -> np.ndarray:
        (kernel,), (gamma, beta, mean, variance) = self._weights[name], self._weights[f"{name}_norm"]
        return gamma * (_convolution(features, kernel, stride) - mean) / np.sqrt(variance + 1e-3) + beta


class ResNet20Test(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters((32, 1), (9, 3))
    def test_against_numpy(self, size, channels):
        model, random = _build(size, channels), np.random.default_rng(0)
        for layer in model.layers:
            if isinstance(layer, tf.keras.layers.BatchNormalization):
                layer.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in layer.get_weights()])
        images = random.uniform(-1.0, 1.0, (2, size, size, channels)).astype(np.float32)
        expected = _Reference(model)(images)
        self.assertAllClose(model(images, training=False), expected, rtol=0, atol=1e-5 * np.abs(expected).max())

    @parameterized.parameters((32, 8), (28, 7), (33, 9), (4, 1), (1, 1))
    def test_map_is_a_quarter_rounded_up(self, size, expected):
        self.assertEqual(_build(size).output_shape, (None, expected, expected, 64))

    def test_counts(self):
        model = _build(32)
        kernels = [layer for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)]
        # 1 + 3 · 3 · 2, which with a classifier makes 20, and two shortcuts.
        self.assertLen(kernels, 19 + 2)
        # Kernels: 9·3·16 + 6·9·16² + 9·16·32 + 5·9·32² + 9·32·64 + 5·9·64² = 267,696 (the paper's 0.27 million), and
        # shortcuts 16·32 + 32·64 = 2,560. Batch norm: two for each of 16 + 6·16 + (6 + 1)·32 + (6 + 1)·64 channels.
        count = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        self.assertEqual(count, 267_696 + 2_560 + 2 * 784)
