"""Every backbone: the images that it takes, and that it embeds them."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.embedding import image_format
from models.input_convention import InputConvention
from models.keras_applications import KERAS_APPLICATIONS
from models.registry import BACKBONES
from models.settings import NetworkSettings
from tests.support import networks

# Network input and shorter side before the centre crop, pixels; Keras' networks: keras_applications_test.py.
_SIZES = {
    "conv4": (28, 28),
    "resnet20": (32, 32),
    "bn_inception": (227, 256),
    # A border of 16 pixels.
    "efficientnet_lite0": (224, 256),
    "efficientnet_lite1": (240, 272),
    "efficientnet_lite2": (260, 292),
}
_BUILT = ("conv4", "resnet20", "bn_inception", "resnet50", "resnet50_v2", "efficientnet_b0", "efficientnet_lite0")


class RegistryTest(parameterized.TestCase, tf.test.TestCase):
    def test_formats(self):
        formats = {name: image_format(NetworkSettings(name), channels=3) for name in BACKBONES}
        for name, network in KERAS_APPLICATIONS.items():  # The middle 87.5 %, to the nearest pixel.
            keras_format = formats.pop(name)
            self.assertEqual((keras_format.size, keras_format.resize), (network.size, round(network.size / 0.875)))
        self.assertEqual({name: (fmt.size, fmt.resize) for name, fmt in formats.items()}, _SIZES)
        self.assertEqual(image_format(NetworkSettings("conv4"), channels=1).channels, 1)

    @parameterized.parameters(
        # The same ratio as with the usual sizes: 160 · 256 / 227 = 180.4.
        ("bn_inception", {"image_size": 160}, (160, 180)),
        ("bn_inception", {"resize_size": 240}, (227, 240)),
        ("conv4", {"image_size": 20}, (20, 20)),
        ("resnet20", {"image_size": 20, "resize_size": 24}, (20, 24)),
    )
    def test_configured_formats(self, backbone, settings, expected):
        fmt = image_format(NetworkSettings(backbone, **settings), channels=3)
        self.assertEqual((fmt.size, fmt.resize), expected)


class NetworksTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*_BUILT)
    def test_embeds_colour(self, backbone):
        embeddings = networks.embedding_network(backbone)(networks.images(count=3), training=False)
        self.assertEqual((embeddings.shape, embeddings.dtype), ((3, networks.EMBEDDING_SIZE), tf.float32))
        self.assertTrue(np.isfinite(embeddings).all())
        self.assertGreater(np.std(embeddings, axis=0).min(), 0.0)  # Different images, different embeddings.

    def test_pretrained_networks_see_grey_as_colour(self):
        # Their weights are of three channels.
        for entry in BACKBONES.values():
            if entry.pretrained:
                layer = InputConvention(entry.mean, entry.scale, entry.blue_first)
                self.assertEqual(layer(tf.keras.Input((8, 8, 1))).shape[-1], 3)

    @parameterized.parameters("conv4", "resnet20")
    def test_small_networks_have_one_channel_for_grey(self, backbone):
        model = networks.embedding_network(backbone, channels=1)
        self.assertEqual(model.get_layer("input_convention").output.shape[-1], 1)
        self.assertTrue(np.isfinite(model(networks.images(channels=1), training=False)).all())
