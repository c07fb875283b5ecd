"""Networks of Keras: the same as there, but for what is documented."""

import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from models.backbones.keras_networks import keras_backbone
from models.settings import NetworkSettings
from models.weights.assignment import tensors_of
from tests.support import networks


def _inner(backbone: str) -> tf.keras.Model:
    """The backbone inside an embedding network, which takes the output of the input convention."""
    return networks.embedding_network(backbone).get_layer(backbone)


class KerasNetworksTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*networks.KERAS_CLASSES)
    def test_equals_keras(self, backbone):
        theirs, ours = networks.keras_network(backbone), _inner(backbone)
        # With what our convention leaves to them, in the middle of Keras' EfficientNet.
        first = theirs.get_layer("stem_conv_pad").input if "efficientnet" in backbone else theirs.input
        inputs = networks.images() / 128.0 - 1.0
        named = tensors_of(theirs)
        with networks.unchanged_after(ours):
            names = list(tensors_of(ours))
            ours.set_weights([named.pop(name) for name in names])
            features = ours(inputs, training=False)
        expected = tf.keras.Model(first, theirs.output)(inputs, training=False)
        self.assertEqual(features.shape, (2, 2, 2, {"efficientnet_b0": 1280}.get(backbone, 2048)))
        self.assertAllClose(features, expected, rtol=0, atol=1e-5 * float(tf.reduce_max(tf.abs(expected))))
        # Nothing of theirs is left over but the normalisation of the input.
        normalization = {"normalization/mean", "normalization/variance", "normalization/count"}
        self.assertEqual(set(named), normalization if "efficientnet" in backbone else set())

    def test_efficientnet_drops_nothing_at_random(self):
        ours = networks.embedding_network("efficientnet_b0")
        images = networks.images()
        self.assertGreater(networks.keras_network("efficientnet_b0").get_layer("block6b_drop").rate, 0.0)  # As it was.
        self.assertAllEqual(ours(images, training=True), ours(images, training=True))  # Batch norms are frozen.

    @parameterized.parameters("resnet50", "efficientnet_b0")
    def test_images_too_small_for_keras(self, backbone):
        with self.assertRaisesRegex(ConfigError, f"{backbone} needs .* 32 × 32 pixels; got 31"):
            keras_backbone(tf.keras.Input((31, 31, 3)), NetworkSettings(backbone))
