"""Networks of the user's own, from files."""

import hashlib
import io
import json
import os
import pickle
import zipfile

import h5py
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from models.backbones.safe_file import file_digest, read_network
from models.embedding import build_embedding_model, image_format
from models.settings import NetworkSettings
from models.weights.start_weights import check_start_weights, load_start_weights
from tests.support import pictures

_SIZE = 16


class _Maker:
    """Makes a directory when it is read from a pickle."""

    def __init__(self, directory):
        self.directory = directory

    def __reduce__(self):
        return os.mkdir, (self.directory,)


def _images(channels=3, size=_SIZE):
    return np.random.default_rng(0).uniform(0.0, 255.0, (2, size, size, channels)).astype(np.float32)


class OwnNetworkTest(parameterized.TestCase, tf.test.TestCase):
    def saved(self, *layers, shape=(_SIZE, _SIZE, 3), name="own.keras"):
        """Saves a network of layers; its path and itself."""
        inputs = outputs = tf.keras.Input(shape)
        for layer in layers:
            outputs = layer(outputs)
        network = tf.keras.Model(inputs, outputs)
        path = str(pictures.folder_for(self) / name)
        network.save(path)
        return path, network

    def build(self, path, channels=3, **settings):
        settings = {"input_range": "0_255", "embedding_size": 4, **settings}
        return build_embedding_model(NetworkSettings(path, **settings), channels, seed=0)

    def assert_refused(self, message, path, channels=3, **settings):
        with self.assertRaisesRegex(ConfigError, message):
            self.build(path, channels, **settings)


class BuiltTest(OwnNetworkTest):
    @parameterized.parameters(
        ("0_255", lambda images: images),
        ("0_1", lambda images: images / 255.0),
        ("-1_1", lambda images: images / 127.5 - 1.0),
        ("imagenet", lambda images: (images / 255.0 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]),
        ("caffe", lambda images: (images - [123.68, 116.779, 103.939])[..., ::-1]),
    )
    def test_sees_its_range_with_its_weights(self, input_range, converted):
        path, network = self.saved(tf.keras.layers.Conv2D(5, 3))
        model = self.build(path, input_range=input_range)
        features = network(converted(_images()).astype(np.float32))
        expected = np.mean(features, axis=(1, 2)) @ model.get_layer("embedding").get_weights()[0]
        self.assertAllClose(model(_images()), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())

    @parameterized.parameters(
        ((), (3,)),  # A map.
        ((tf.keras.layers.Reshape((-1, 3)),), (3,)),  # Tokens.
        ((tf.keras.layers.GlobalMaxPooling2D(),), (3,)),  # A vector, as it is.
        ((tf.keras.layers.Flatten(),), (_SIZE * _SIZE * 3,)),
    )
    def test_outputs(self, layers, width):
        path, network = self.saved(tf.keras.layers.Conv2D(3, 1), *layers)
        model = self.build(path)
        features = network(_images()).numpy()
        pooled = features if features.ndim == 2 else features.reshape(2, -1, 3).mean(axis=1)
        expected = pooled @ model.get_layer("embedding").get_weights()[0]
        self.assertEqual(pooled.shape[1:], width)
        self.assertAllClose(model(_images()), expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())

    def test_trains_with_frozen_batch_norms_and_without_dropout(self):
        inner = tf.keras.Sequential([tf.keras.layers.Conv2D(4, 3), tf.keras.layers.Dropout(0.5)])
        path, _ = self.saved(
            tf.keras.layers.Rescaling(1 / 255),
            inner,
            tf.keras.layers.BatchNormalization(),
            tf.keras.layers.SpatialDropout2D(0.5),
        )
        model = self.build(path, freeze_bn=True)
        with tf.GradientTape() as tape:
            embeddings = model(_images(), training=True)
            loss = tf.reduce_mean(tf.square(embeddings))
        self.assertAllClose(embeddings, model(_images(), training=False), rtol=1e-5, atol=1e-5)
        self.assertLen(model.trainable_variables, 3)  # Kernel and bias, and the embedding.
        for gradient in tape.gradient(loss, model.trainable_variables):
            self.assertGreater(np.abs(gradient).max(), 0.0)

    def test_weights_are_the_files_unless_others_are_asked_for(self):
        path, network = self.saved(tf.keras.layers.Conv2D(4, 3, bias_initializer="ones"))
        kernel, bias = network.get_weights()
        for weights in ("", "none"):
            settings = NetworkSettings(path, input_range="0_255", weights=weights)
            check_start_weights(settings)
            model = build_embedding_model(settings, 3, seed=0)
            load_start_weights(model, settings, earlier_run=None)
            ours = model.get_weights()
            self.assertAllEqual(ours[1], bias)
            self.assertEqual(np.array_equal(ours[0], kernel), weights == "")

    def test_sequential_networks(self):
        path = str(pictures.folder_for(self) / "sequential.keras")
        network = tf.keras.Sequential([tf.keras.Input((_SIZE, _SIZE, 3)), tf.keras.layers.Conv2D(4, 3)])
        network.save(path)
        for weights in ("", "none"):
            model = self.build(path, weights=weights)
            self.assertEqual(np.array_equal(model.get_weights()[0], network.get_weights()[0]), weights == "")
            self.assertEqual(model(_images()).shape, (2, 4))

    def test_size_is_the_files(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        self.assertEqual(image_format(NetworkSettings(path, input_range="0_1"), 3).size, _SIZE)
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3), shape=(None, None, 3))
        self.assertEqual(image_format(NetworkSettings(path, input_range="0_1", image_size=20), 3).size, 20)
        self.assert_refused("takes images of any size; pass --image_size", path)

    def test_grey_images_are_repeated_for_three_channels(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        grey = _images(channels=1)
        self.assertAllClose(self.build(path, 1)(grey), self.build(path)(np.repeat(grey, 3, axis=-1)), rtol=1e-5)

    def test_grey_networks(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3), shape=(_SIZE, _SIZE, 1))
        self.assertEqual(self.build(path, 1)(_images(channels=1)).shape, (2, 4))
        self.assert_refused("takes images of 1 channels; got 3", path)
        self.assert_refused("takes grey images; pass --input_range=0_255", path, 1, input_range="caffe")


class RefusedTest(OwnNetworkTest):
    def test_range_is_asked_for(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        self.assert_refused("Which intensities .* Pass --input_range: 0_255", path, input_range="backbone")
        with self.assertRaisesRegex(ConfigError, "only matters with --backbone=FILE.keras and hub/PRESET"):
            NetworkSettings("conv4", input_range="0_1")

    @parameterized.parameters(
        ({"image_size": 20}, "16 × 16 pixels; pass --image_size=16"),
        ({"backbone_digest": "0" * 64}, "has changed since the run was started .*Put the same file back"),
        ({"mixed_precision": "float16"}, "--mixed_precision does not reach"),
    )
    def test_settings_that_do_not_fit(self, settings, message):
        self.assert_refused(message, self.saved(tf.keras.layers.Conv2D(4, 3))[0], **settings)

    @parameterized.parameters(
        ((8, 9, 3), (), "takes images of 8 × 9 pixels; square ones are needed"),
        ((8, 8, 4), (), "1 or 3 channels; the network in .* takes 4"),
        ((8,), (), r"one input, \[batch, height, width, channels\]"),
        ((8, 8, 3), (tf.keras.layers.Reshape((2, 2, 2, 24)),), "one output, .*2, 2, 2, 24"),
    )
    def test_networks_that_do_not_fit(self, shape, layers, message):
        self.assert_refused(message, self.saved(tf.keras.layers.Activation("relu"), *layers, shape=shape)[0])

    def test_digest(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        with open(path, "rb") as file:
            self.assertEqual(file_digest(path), hashlib.sha256(file.read()).hexdigest())
        self.build(path, backbone_digest=file_digest(path))
        with self.assertRaisesRegex(ConfigError, "none.keras cannot be read .*check --backbone"):
            file_digest("none.keras")

    def test_damaged_weights(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        with zipfile.ZipFile(path) as file:
            config = file.read("config.json")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("config.json", config)
        self.assert_refused("has no model.weights.h5 that can be read .*save the network again", path)

    @parameterized.parameters("[]", "3", "{}", '{"config": {"layers": []}}', '{"config": null}', "[" * 100_000)
    def test_other_descriptions(self, description):
        path = str(pictures.folder_for(self) / "other.keras")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("config.json", description)
        self.assert_refused("is no file of model.save", path)

    @parameterized.parameters(b"", b"<html>", b"PK\x05\x06" + bytes(18))
    def test_no_network(self, content):
        path = str(pictures.folder_for(self) / "damaged.keras")
        with open(path, "wb") as file:
            file.write(content)
        self.assert_refused("is no file of model.save", path)
        self.assert_refused("There is no file", path + "x.keras")


class CodeTest(OwnNetworkTest):
    """Of files that were made to run code, read other files, or draw at random."""

    @parameterized.parameters(
        (
            lambda: tf.keras.layers.Lambda(lambda x: 2 * x),
            "Lambda layer, which holds code, and code in a file is never run",
        ),
        (lambda: tf.keras.layers.RandomFlip(), "RandomFlip layer. What it draws .* save the network without it"),
        (lambda: tf.keras.layers.GaussianNoise(0.1), "GaussianNoise layer. What it draws"),
    )
    def test_layers(self, layer, message):
        self.assert_refused(message, self.saved(tf.keras.layers.Conv2D(4, 3), layer())[0])

    def test_lambda_in_an_inner_network(self):
        inner = tf.keras.Sequential([tf.keras.layers.Conv2D(4, 3), tf.keras.layers.Lambda(lambda x: 2 * x)])
        self.assert_refused("Lambda layer", self.saved(inner)[0])

    @parameterized.parameters(
        ({"module": "os", "class_name": "system", "config": {}, "registered_name": None}, "system of os"),
        ({"module": "builtins", "class_name": "function", "config": "exec", "registered_name": "function"}, "builtins"),
        ({"module": None, "class_name": "Evil", "config": {}, "registered_name": "mine>Evil"}, "has Evil, which"),
        ({"module": "keras.utils", "class_name": "get_file", "config": {}, "registered_name": None}, "keras.utils"),
        ({"module": "keras_evil.layers", "class_name": "Dense", "config": {}, "registered_name": None}, "keras_evil"),
        (
            {
                "module": "keras.src.layers.core.tf_op_layer",
                "class_name": "TFOpLambda",
                "config": {"name": "write", "function": "io.write_file"},
                "registered_name": "TFOpLambda",
            },
            "tf.io.write_file",
        ),
        ({"class_name": "__lambda__", "config": {"value": "x"}}, "__lambda__"),
        (
            {"module": "keras.layers", "class_name": "TFSMLayer", "config": {}, "registered_name": None},
            "TFSMLayer layer, which holds code",
        ),
        (
            {"module": "keras.layers", "class_name": "StringLookup", "config": {}},
            "StringLookup layer, which is not for",
        ),
        (
            {
                "module": "keras.src.layers.core.tf_op_layer",
                "class_name": "SlicingOpLambda",
                "config": {"name": "remove", "function": "io.gfile.remove"},
            },
            "tf.io.gfile.remove",
        ),
        ({"module": "evil", "class_name": "TFOpLambda", "config": {"function": "math.add"}}, "tf.math.add of evil"),
        (
            {
                "module": "keras.src.layers.core.tf_op_layer",
                "class_name": "TFOpLambda",
                "config": {"function": "image.random_hue"},
            },
            "tf.image.random_hue",
        ),
        (
            {"module": "keras.src.layers.core", "class_name": "ClassMethod", "config": {"cls_symbol": "io.gfile"}},
            "ClassMethod layer, which holds code",
        ),
        (
            {"module": "keras.layers", "class_name": "Other", "config": {}, "registered_name": "Lambda"},
            "has Other of keras.layers",
        ),
        ({"module": "keras.src.layers.core", "class_name": "lambda_layer.Lambda", "config": {}}, "lambda_layer.Lambda"),
        ({"module": "keras.layers", "class_name": "function", "config": "deserialize"}, "has function of keras.layers"),
        ({"module": "keras.layers", "class_name": "__typespec__", "config": [], "spec_name": "Lambda"}, "__typespec__"),
    )
    def test_objects_in_the_description(self, described, message):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        with zipfile.ZipFile(path) as file:
            network = json.loads(file.read("config.json"))
        network["config"]["layers"][1]["config"]["kernel_initializer"] = described
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("config.json", json.dumps(network))
        self.assert_refused(message, path)

    def test_pickled_weights(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        made = pictures.folder_for(self) / "made"
        with zipfile.ZipFile(path) as file:
            config = file.read("config.json")
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("config.json", config)
            file.writestr("model.weights.npz", pickle.dumps(_Maker(str(made))))
        self.assert_refused("has no model.weights.h5", path)
        self.assertFalse(made.exists())

    def test_weights_in_other_files(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        with zipfile.ZipFile(path) as file:
            parts = {name: file.read(name) for name in file.namelist()}

        def external(file, name):
            shape = file[name].shape
            del file[name]
            file.create_dataset(name, shape, "float32", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])

        def linked(file, name):
            del file[name]
            file[name] = h5py.ExternalLink("/etc/other.h5", "kernel")

        for change in (external, linked):
            weights = io.BytesIO(parts["model.weights.h5"])
            with h5py.File(weights, "r+") as file:
                change(file, file.visititems(lambda name, item: name if isinstance(item, h5py.Dataset) else None))
            with zipfile.ZipFile(path, "w") as file:
                for name, part in parts.items():
                    file.writestr(name, weights.getvalue() if name == "model.weights.h5" else part)
            self.assert_refused("keeps .* in another place", path)

    def test_random_initializers_are_allowed(self):
        """They draw before the file's weights replace what they drew."""
        path, network = self.saved(tf.keras.layers.Conv2D(4, 3, kernel_initializer="random_normal"))
        self.assertAllEqual(self.build(path).get_weights()[0], network.get_weights()[0])

    def test_operations_between_layers_are_allowed(self):
        inputs = tf.keras.Input((_SIZE, _SIZE, 3))
        outputs = tf.keras.layers.Conv2D(4, 3)(inputs / 255.0 - 0.5)
        path = str(pictures.folder_for(self) / "operations.keras")
        tf.keras.Model(inputs, outputs + 1.0).save(path)
        self.assertEqual(read_network(path)["class_name"], "Functional")
        self.assertEqual(self.build(path)(_images()).shape, (2, 4))


if __name__ == "__main__":
    tf.test.main()
