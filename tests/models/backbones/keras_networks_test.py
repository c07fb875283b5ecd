"""Networks of Keras: the same as there, but for what is documented; each is built once, at its smallest size.

Those that take longest to build are for ``make test-real-size``.
"""

import importlib
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from ccp.keras_api import layers_of
from models.backbones import keras_networks
from models.backbones.keras_networks import imagenet_network, keras_backbone
from models.embedding import build_embedding_model
from models.keras_applications import KERAS_APPLICATIONS
from models.settings import NetworkSettings
from tests.support import networks

# The smallest of each family, with the module of its preprocess_input; EfficientNet V2 is below.
_MODULES = {
    "convnext_tiny": "convnext",
    "densenet121": "densenet",
    "efficientnet_b0": "efficientnet",
    "mobilenet": "mobilenet",
    "mobilenet_v2": "mobilenet_v2",
    "mobilenet_v3_small": "mobilenet_v3",
    "regnet_x002": "regnet",
    "resnet50": "resnet",
    "resnet50_v2": "resnet_v2",
    "vgg16": "vgg16",
}
# Their preprocessing is of the kind of others above.
_LARGE_MODULES = {
    "inception_resnet_v2": "inception_resnet_v2",
    "inception_v3": "inception_v3",
    "nasnet_mobile": "nasnet",
    "resnet_rs50": "resnet_rs",
    "xception": "xception",
}
_MEAN, _DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def _there_are(backbones) -> list[str]:
    return [name for name in backbones if hasattr(tf.keras.applications, KERAS_APPLICATIONS[name].keras_name)]


def _norms(model: tf.keras.Model) -> list[tf.keras.layers.Layer]:
    return [layer for layer in layers_of(model) if isinstance(layer, tf.keras.layers.BatchNormalization)]


def _with_features(model: tf.keras.Model) -> tf.keras.Model:
    """Feature map and embeddings."""
    return tf.keras.Model(model.input, [model.get_layer("pooling").input, model.output])


def _preprocessed(theirs: tf.keras.Model, module: str, images: np.ndarray) -> tf.Tensor:
    """The feature map of Keras' network behind its own ``preprocess_input``."""
    for layer in theirs.layers:
        if isinstance(layer, tf.keras.layers.Normalization) and layer.weights:  # As in EfficientNet's files.
            layer.set_weights([_MEAN, _DEVIATION**2, layer.get_weights()[2]])
            layer.finalize_state()
    preprocess = getattr(tf.keras.applications, module).preprocess_input
    return theirs(preprocess(images.copy()), training=False)  # It works in place.


class KerasNetworksTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*_there_are(_MODULES))
    def test_equals_keras_and_takes_a_step(self, backbone):
        self._check(backbone, _MODULES[backbone])

    @parameterized.parameters(*_there_are(_LARGE_MODULES))
    @pytest.mark.real_size  # Nearer to the function, since the parameters do not hand on what is set on them.
    def test_equals_keras_and_takes_a_step_large(self, backbone):
        self._check(backbone, _LARGE_MODULES[backbone])

    @parameterized.parameters("efficientnet_v2_s", "efficientnet_v2_b0")
    def test_kinds_of_efficientnet_v2_start_otherwise(self, backbone):
        # Each with its first row of blocks alone: what differs is what comes before.
        module = importlib.import_module(tf.keras.applications.EfficientNetV2S.__module__)
        short = {kind: blocks[:1] for kind, blocks in module.DEFAULT_BLOCKS_ARGS.items()}
        with mock.patch.dict(module.DEFAULT_BLOCKS_ARGS, short):
            self._check(backbone, "efficientnet_v2")

    def _check(self, backbone: str, module: str):
        size = KERAS_APPLICATIONS[backbone].smallest
        images = np.random.default_rng(1).uniform(0.0, 255.0, (2, size, size, 3)).astype(np.float32)
        settings, kept = NetworkSettings(backbone, image_size=size, embedding_size=4, freeze_bn=True), []

        def keeping(*args, build=keras_networks._build, **more):
            kept.append(build(*args, **more))
            return kept[0]

        with mock.patch.object(keras_networks, "_build", keeping):
            model = build_embedding_model(settings, 3, seed=0)
        norms = [norm.get_weights() for norm in _norms(model)]
        with tf.GradientTape() as tape:
            features, embeddings = _with_features(model)(images, training=True)
            loss = tf.reduce_mean(tf.square(embeddings - 1.0))
        # Ours from intensities on, in training, against Keras behind its preprocessing, in inference: nothing is
        # dropped, and batch norms are frozen.
        expected = _preprocessed(kept[0], module, images)
        self.assertGreater(np.std(expected), 0.0)
        self.assertAllClose(features, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        for variable, gradient in zip(variables, gradients):
            self.assertTrue(np.isfinite(tf.convert_to_tensor(gradient)).all(), variable.name)
        self.assertGreater(np.abs(gradients[-1]).max(), 0.0)
        tf.keras.optimizers.SGD(0.01).apply_gradients(zip(gradients, variables))
        self.assertTrue(all(np.isfinite(variable.numpy()).all() for variable in variables))
        for norm, weights in zip(_norms(model), norms):
            self.assertEmpty(norm.trainable_variables)
            for now, then in zip(norm.get_weights(), weights):
                np.testing.assert_array_equal(now, then)

    def test_efficientnet_drops_nothing_at_random(self):
        ours = networks.embedding_network("efficientnet_b0")
        images = networks.images()
        self.assertGreater(networks.keras_network("efficientnet_b0").get_layer("block6b_drop").rate, 0.0)  # As it was.
        self.assertAllEqual(ours(images, training=True), ours(images, training=True))  # Batch norms are frozen.

    @parameterized.parameters(("resnet50", 32), ("efficientnet_b0", 32), ("xception", 71), ("inception_v3", 75))
    def test_images_too_small_for_keras(self, backbone, smallest):
        size = smallest - 1
        with self.assertRaisesRegex(ConfigError, f"{backbone} needs .* {smallest} × {smallest} pixels; got {size}"):
            keras_backbone(tf.keras.Input((size, size, 3)), NetworkSettings(backbone))

    def test_network_that_this_keras_does_not_have(self):
        message = "Keras 3 has no RegNetX002, which Keras 2 has.*another --backbone"
        missing = mock.patch.object(tf.keras, "applications", object())
        with missing, self.assertRaisesRegex(ConfigError, message):
            imagenet_network("regnet_x002")


if __name__ == "__main__":
    tf.test.main()
