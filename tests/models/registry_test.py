"""Every backbone: what it takes in, and that it embeds."""

from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from experiments.settings import BACKBONES as NAMES
from experiments.settings import KERAS_BACKBONES
from models.backbones.keras_networks import imagenet_network
from models.embedding import image_format
from models.registry import BACKBONES
from models.settings import NetworkSettings
from tests.support import networks

# Network input and shorter side before its centre is cut out, pixels.
_SIZES = {
    "conv4": (28, 28),
    "resnet20": (32, 32),
    "bn_inception": (227, 256),
    "resnet50": (224, 256),
    "resnet50_v2": (224, 256),
    # The second is the first over 0.875, to the nearest pixel.
    "efficientnet_b0": (224, 256),
    "efficientnet_b1": (240, 274),
    "efficientnet_b2": (260, 297),
    "efficientnet_b3": (300, 343),
    "efficientnet_b4": (380, 434),
    "efficientnet_b5": (456, 521),
    "efficientnet_b6": (528, 603),
    "efficientnet_b7": (600, 686),
}
_BUILT = ("conv4", "resnet20", "bn_inception", "resnet50", "resnet50_v2", "efficientnet_b0")


class TableTest(parameterized.TestCase, tf.test.TestCase):
    def test_has_what_can_be_configured(self):
        self.assertEqual(tuple(BACKBONES), NAMES)

    def test_nothing_but_keras_networks_is_built_by_keras(self):
        built_by_keras = {name for name, one in BACKBONES.items() if one.features is BACKBONES["resnet50"].features}
        self.assertEqual(built_by_keras, set(KERAS_BACKBONES))

    @parameterized.product(backbone=NAMES, channels=(1, 3))
    def test_format(self, backbone, channels):
        fmt = image_format(NetworkSettings(backbone), channels)
        self.assertEqual((fmt.size, fmt.resize, fmt.channels), (*_SIZES[backbone], channels))

    def test_efficientnets_take_what_keras_has_them_for(self):
        for name in (name for name in NAMES if "efficientnet" in name):
            with mock.patch("keras.src.applications.efficientnet.EfficientNet") as built:
                imagenet_network(name)
            (_, _, size, *_), arguments = built.call_args
            self.assertEqual(size, BACKBONES[name].size)
            self.assertEqual(arguments["model_name"], name.replace("_", ""))

    @parameterized.parameters(
        # As much larger than the input as with the usual sizes: 160 · 256 / 227 = 180.4.
        ("bn_inception", {"image_size": 160}, (160, 180)),
        ("bn_inception", {"resize_size": 240}, (227, 240)),
        ("conv4", {"image_size": 20}, (20, 20)),
        ("resnet20", {"image_size": 20, "resize_size": 24}, (20, 24)),
    )
    def test_format_as_configured(self, backbone, settings, expected):
        fmt = image_format(NetworkSettings(backbone, **settings), 3)
        self.assertEqual((fmt.size, fmt.resize), expected)


class NetworksTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*_BUILT)
    def test_embeds_colour(self, backbone):
        embeddings = networks.embedding_network(backbone)(networks.images(count=3), training=False)
        self.assertEqual((embeddings.shape, embeddings.dtype), ((3, networks.EMBEDDING_SIZE), tf.float32))
        self.assertTrue(np.isfinite(embeddings).all())
        self.assertGreater(np.std(embeddings, axis=0).min(), 0.0)  # Images differ, and so do their embeddings.

    @parameterized.parameters("conv4", "resnet20")
    def test_embeds_grey_by_itself(self, backbone):
        model = networks.embedding_network(backbone, channels=1)
        self.assertEqual(model.get_layer("input_convention").output_shape[-1], 1)
        embeddings = model(networks.images(channels=1), training=False)
        self.assertEqual(embeddings.shape, (2, networks.EMBEDDING_SIZE))
        self.assertTrue(np.isfinite(embeddings).all())

    @parameterized.parameters("bn_inception", "efficientnet_b0")
    def test_embeds_grey_as_colour_without_any(self, backbone):
        # Both are of the same seed: the same initial weights, in two builds.
        grey, colour = (networks.embedding_network(backbone, channels) for channels in (1, 3))
        for one, other in zip(grey.get_weights(), colour.get_weights()):
            np.testing.assert_array_equal(one, other)
        images = networks.images(channels=1)
        expected = colour(np.repeat(images, 3, axis=-1), training=False)
        self.assertAllClose(grey(images, training=False), expected, rtol=1e-5, atol=1e-6)
