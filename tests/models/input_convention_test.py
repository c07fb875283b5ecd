"""Intensities as networks expect them."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from keras.src.applications import efficientnet as keras_efficientnet

from models.input_convention import InputConvention
from models.registry import BACKBONES

_MEAN = (0.485, 0.456, 0.406)  # Of ImageNet's red, green and blue.


def _images(*shape) -> np.ndarray:
    return np.random.default_rng(0).uniform(0.0, 255.0, shape).astype(np.float32)


def _convention(backbone: str) -> InputConvention:
    """The first layer of a registered network."""
    entry = BACKBONES[backbone]
    return InputConvention(entry.mean, entry.scale, entry.blue_first)


class InputConventionTest(parameterized.TestCase, tf.test.TestCase):
    def test_blue_first(self):
        # Mean and scale are red's first, wherever red goes.
        images = np.full((1, 2, 2, 3), (51, 102, 255), np.float32)
        layer = InputConvention((0.1, 0.2, 0.5), (1.0, 3.0, 4.0), blue_first=True)
        self.assertAllClose(layer(images), np.broadcast_to([2.0, 0.6, 0.1], (1, 2, 2, 3)), atol=1e-6)

    def test_grey_is_shown_to_every_channel(self):
        grey = _images(2, 3, 3, 1)
        layer = InputConvention((0.1, 0.2, 0.5), (1.0, 3.0, 4.0), blue_first=True)
        self.assertEqual(layer(tf.keras.Input((3, 3, 1))).shape, (None, 3, 3, 3))
        self.assertAllClose(layer(grey), layer(np.repeat(grey, 3, axis=-1)), rtol=0, atol=0)

    @parameterized.parameters(2, 4)
    def test_other_channels_are_refused(self, channels):
        with self.assertRaisesRegex(ValueError, f"images of 1 or 3 channels; got {channels}"):
            InputConvention(_MEAN, 2.0)(np.zeros((1, 2, 2, channels)))

    def test_bytes_and_floats_are_alike(self):
        images = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 1))
        layer = InputConvention(0.4, 3.0)
        self.assertAllEqual(layer(images.astype(np.uint8)), layer(images.astype(np.float32)))

    @parameterized.parameters("mixed_float16", "mixed_bfloat16")
    def test_keeps_full_precision(self, policy):
        images, layer = _images(1, 3, 3, 3), InputConvention(_MEAN, 255.0)
        expected = layer(images)
        tf.keras.mixed_precision.set_global_policy(policy)
        self.addCleanup(tf.keras.mixed_precision.set_global_policy, "float32")
        converted = InputConvention(_MEAN, 255.0)(images)
        self.assertEqual(converted.dtype, tf.float32)
        self.assertAllEqual(converted, expected)

    def test_has_nothing_to_train_and_remembers_its_arguments(self):
        layer = InputConvention((0.1, 0.2, 0.3), (2.0, 3.0, 4.0), blue_first=True)
        layer(np.zeros((1, 2, 2, 3)))
        self.assertEmpty(layer.variables)
        again = InputConvention.from_config(layer.get_config())
        images = _images(1, 2, 2, 3)
        self.assertAllEqual(again(images), layer(images))


class ConventionsTest(parameterized.TestCase, tf.test.TestCase):
    """Of the registry's networks, against who trained their weights."""

    @parameterized.parameters("conv4", "resnet20")
    def test_small_networks_see_minus_1_to_1(self, backbone):
        for channels in (1, 3):
            images = np.broadcast_to(np.float32([0.0, 127.5, 255.0])[:, None, None, None], (3, 2, 2, channels))
            expected = np.broadcast_to(np.float32([-1.0, 0.0, 1.0])[:, None, None, None], (3, 2, 2, channels))
            self.assertAllClose(_convention(backbone)(images), expected, rtol=0, atol=1e-6)

    def test_bn_inception(self):
        images = _images(2, 3, 3, 3)
        # The field's convention: in [0, 1] minus the mean, times 255, channels reversed, one value at a time.
        expected = np.zeros(images.shape)
        for (image, row, column, channel), value in np.ndenumerate(images):
            expected[image, row, column, 2 - channel] = (value / 255.0 - _MEAN[channel]) * 255.0
        self.assertAllClose(_convention("bn_inception")(images), expected, rtol=0, atol=1e-4)

    @parameterized.parameters(*range(8))
    def test_efficientnets(self, number):
        # Keras leaves preprocessing to layers of the network: (x / 255 − mean) / √variance, where the variance in the
        # files is the deviation (tensorflow/tensorflow issue 49930), and then, with weights="imagenet", over the square
        # root of the deviation once more.
        images, deviation = _images(2, 3, 3, 3), np.array(keras_efficientnet.IMAGENET_STDDEV_RGB)
        expected = (images / 255.0 - _MEAN) / np.sqrt(deviation) / np.sqrt(deviation)
        convention = _convention(f"efficientnet_b{number}")
        self.assertAllClose(convention(images), expected, rtol=0, atol=1e-5)
        preprocessed = tf.keras.applications.efficientnet.preprocess_input(images)
        self.assertAllEqual(preprocessed, images)  # So that nothing else comes before those layers.
