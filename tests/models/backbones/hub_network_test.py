"""Backbones of KerasHub, by a stand-in of the package; the real ones where it is installed."""

import importlib.util
import sys
import types
from unittest import mock

import tensorflow as tf
from absl.testing import absltest, parameterized

from ccp.errors import ConfigError
from models.embedding import build_embedding_model, image_format
from models.settings import NetworkSettings
from models.weights.start_weights import check_start_weights
from tests.support import networks, pictures

_SIZE = 16
_IS_INSTALLED = importlib.util.find_spec("keras_hub") is not None


def _images():
    return networks.images(size=_SIZE)


def _tokens(size=_SIZE) -> tf.keras.Model:
    """[batch, size, size, 3] to [batch, tokens, 3]: means over patches of 8 × 8."""
    inputs = tf.keras.Input((size, size, 3))
    outputs = tf.keras.layers.AveragePooling2D(8)(tf.keras.layers.Dropout(0.5)(inputs))
    return tf.keras.Model(inputs, tf.keras.layers.Reshape((-1, 3))(outputs))


def _stand_in(network, converter=(0.02, (-1.0, -2.0, -3.0))):
    """A package whose every preset is a network, with a scale and an offset."""

    def from_preset(preset, load_weights=True, image_shape=None):
        if preset == "none":
            raise ValueError("Unknown preset identifier.\nMore")
        return network

    def converter_of(preset):
        if preset == "none" or converter is None:
            raise ValueError("Unknown preset identifier.\nMore")
        return types.SimpleNamespace(image_size=(_SIZE, _SIZE), scale=converter[0], offset=converter[1])

    return types.SimpleNamespace(
        models=types.SimpleNamespace(Backbone=types.SimpleNamespace(from_preset=from_preset)),
        layers=types.SimpleNamespace(ImageConverter=types.SimpleNamespace(from_preset=converter_of)),
    )


class StandInTest(parameterized.TestCase, tf.test.TestCase):
    def install(self, package):
        patched = mock.patch.dict(sys.modules, {"keras_hub": package})
        patched.start()
        self.addCleanup(patched.stop)

    def build(self, preset="vit", **settings):
        return build_embedding_model(NetworkSettings(f"hub/{preset}", embedding_size=4, **settings), 3, seed=0)

    @parameterized.parameters("average", "class_token")
    def test_sees_what_its_converter_makes(self, pooling):
        self.install(_stand_in(_tokens()))
        settings = NetworkSettings("hub/vit")
        check_start_weights(settings)  # Its weights are its own.
        self.assertEqual((image_format(settings, 3).size, image_format(settings, 3).resize), (_SIZE, 18))
        model = self.build(pooling=pooling)
        patches = (_images() * 0.02 + [-1.0, -2.0, -3.0]).reshape(2, 2, 8, 2, 8, 3).mean(axis=(2, 4)).reshape(2, 4, 3)
        pooled = patches[:, 0] if pooling == "class_token" else patches.mean(axis=1)
        expected = pooled @ model.get_layer("embedding").get_weights()[0]
        for training in (False, True):  # Nothing is dropped.
            self.assertAllClose(model(_images(), training=training), expected, rtol=1e-4, atol=1e-4)

    @parameterized.parameters(
        ({}, {"load_weights": True}),
        ({"weights": "none"}, {"load_weights": False}),
        ({"image_size": _SIZE}, {"load_weights": True, "image_shape": (_SIZE, _SIZE, 3)}),
    )
    def test_loads_weights_and_a_size_if_asked_for(self, settings, expected):
        package = _stand_in(_tokens())
        self.install(package)
        with mock.patch.object(package.models.Backbone, "from_preset", return_value=_tokens()) as loaded:
            self.build(**settings)
        loaded.assert_called_once_with("vit", **expected)

    def test_scale_without_offset_or_nothing(self):
        for converter, convert in (((1 / 255, None), lambda x: x / 255), ((None, None), lambda x: x)):
            self.install(_stand_in(_tokens(), converter))
            model = self.build()
            expected = convert(_images()).mean(axis=(1, 2)) @ model.get_layer("embedding").get_weights()[0]
            self.assertAllClose(model(_images()), expected, rtol=1e-4)

    def test_image_encoder_of_a_network_of_images_and_text(self):
        self.install(_stand_in(types.SimpleNamespace(vision_encoder=_tokens())))
        self.assertEqual(self.build()(_images()).shape, (2, 4))

    def test_without_a_converter_range_and_size_are_needed(self):
        self.install(_stand_in(_tokens(), converter=None))
        with self.assertRaisesRegex(ConfigError, "needs --input_range and --image_size"):
            self.build()
        model = self.build(input_range="0_1", image_size=_SIZE)
        expected = (_images() / 255).mean(axis=(1, 2)) @ model.get_layer("embedding").get_weights()[0]
        self.assertAllClose(model(_images()), expected, rtol=1e-4)

    @parameterized.parameters(
        ("none", {}, r"cannot load the preset none \(Unknown preset identifier.\).*get its directory elsewhere"),
        ("vit", {"image_size": 24}, "takes images of 16 pixels; pass --image_size=16"),
        ("vit", {"mixed_precision": "float16"}, "--mixed_precision does not reach"),
    )
    def test_refused(self, preset, settings, message):
        self.install(_stand_in(_tokens()))
        with self.assertRaisesRegex(ConfigError, message):
            self.build(preset, **settings)

    def test_text_networks_are_refused(self):
        tokens = tf.keras.Input((7,))
        self.install(_stand_in(tf.keras.Model(tokens, tf.keras.layers.Dense(4)(tokens))))
        with self.assertRaisesRegex(ConfigError, "does not turn one image into one output"):
            self.build()

    def test_package_is_missing(self):
        self.install(None)
        with self.assertRaisesRegex(ConfigError, "needs KerasHub, which cannot be imported .*requirements/hub.txt"):
            self.build()

    def test_class_token_of_a_map(self):
        with self.assertRaisesRegex(ConfigError, "class_token is for transformers.*Choose another --pooling"):
            build_embedding_model(NetworkSettings("conv4", pooling="class_token", width=4), 3, seed=0)


@absltest.skipUnless(_IS_INSTALLED, "KerasHub is not installed")
class KerasHubTest(parameterized.TestCase, tf.test.TestCase):
    """Small networks from their configuration, saved and loaded as presets in directories."""

    def network(self, kind):
        import keras_hub

        size = {"patch_size": 8, "hidden_dim": 16, "num_layers": 2, "num_heads": 2, "image_shape": (_SIZE, _SIZE, 3)}
        if kind == "vit":
            return keras_hub.models.ViTBackbone(mlp_dim=32, **size)
        if kind == "dinov2":
            shape = {"position_embedding_shape": (_SIZE, _SIZE, 3)}
            return keras_hub.models.DINOV2Backbone(intermediate_dim=32, drop_path_rate=0.5, **shape, **size)
        return self.encoders(kind, {**size, "intermediate_dim": 32})

    def encoders(self, kind, size):
        import keras_hub

        name = {"clip": "CLIP", "siglip": "SigLIP"}[kind]
        image = importlib.import_module(f"keras_hub.src.models.{kind}.{kind}_vision_encoder")
        text = importlib.import_module(f"keras_hub.src.models.{kind}.{kind}_text_encoder")
        more = {key: value for key, value in size.items() if key not in ("patch_size", "image_shape")}
        vision = getattr(image, f"{name}VisionEncoder")(**size)
        words = getattr(text, f"{name}TextEncoder")(vocabulary_size=10, embedding_dim=16, **more)
        projection = {"projection_dim": 8} if kind == "clip" else {}
        return getattr(keras_hub.models, f"{name}Backbone")(vision, words, **projection)

    @parameterized.parameters("vit", "dinov2", "clip", "siglip")
    def test_takes_a_step_and_has_its_weights(self, kind):
        import keras_hub

        network, folder = self.network(kind), str(pictures.folder_for(self))
        name = {"vit": "ViT", "dinov2": "DINOV2", "clip": "CLIP", "siglip": "SigLIP"}[kind]
        converter = getattr(keras_hub.layers, f"{name}ImageConverter")
        network.save_to_preset(folder)
        converter(image_size=(_SIZE, _SIZE), scale=[1 / 127.5] * 3, offset=[-1.0] * 3).save_to_preset(folder)
        model = build_embedding_model(NetworkSettings(f"hub/{folder}", embedding_size=4), 3, seed=0)
        features = getattr(network, "vision_encoder", network)(_images() / 127.5 - 1.0)
        pooled = features if len(features.shape) == 2 else tf.reduce_mean(features, axis=1)
        expected = pooled @ model.get_layer("embedding").get_weights()[0]
        with tf.GradientTape() as tape:
            embeddings = model(_images(), training=True)
            loss = tf.reduce_mean(tf.square(embeddings - 1.0))
        self.assertAllClose(embeddings, expected, rtol=1e-3, atol=1e-4)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        tf.keras.optimizers.SGD(1e-3).apply_gradients(zip(gradients, variables))
        after = tf.reduce_mean(tf.square(model(_images(), training=True) - 1.0))
        self.assertLess(after, loss)


if __name__ == "__main__":
    tf.test.main()
