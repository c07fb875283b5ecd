"""Files of networks that are damaged, or made to run code, read other files, or draw at random."""

import hashlib
import io
import json
import os
import pickle

import h5py
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from models.backbones.safe_file import file_digest, read_network
from tests.support import pictures
from tests.support.own_networks import SIZE, OwnNetworkTest, images, parts_of, write_parts


class _Maker:
    """Makes a directory when it is read from a pickle."""

    def __init__(self, directory):
        self.directory = directory

    def __reduce__(self):
        return os.mkdir, (self.directory,)


class DamageTest(OwnNetworkTest):
    def test_digest(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        with open(path, "rb") as file:
            self.assertEqual(file_digest(path), hashlib.sha256(file.read()).hexdigest())
        self.build(path, backbone_digest=file_digest(path))
        with self.assertRaisesRegex(ConfigError, "none.keras cannot be read .*check --backbone"):
            file_digest("none.keras")

    def test_damaged_weights(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        write_parts(path, {"config.json": parts_of(path)["config.json"]})
        self.assert_refused("has no model.weights.h5 that can be read .*save the network again", path)

    @parameterized.parameters("[]", "3", "{}", '{"config": {"layers": []}}', '{"config": null}', "[" * 100_000)
    def test_other_descriptions(self, description):
        path = str(pictures.folder_for(self) / "other.keras")
        write_parts(path, {"config.json": description})
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
        network = json.loads(parts_of(path)["config.json"])
        network["config"]["layers"][1]["config"]["kernel_initializer"] = described
        write_parts(path, {"config.json": json.dumps(network)})
        self.assert_refused(message, path)

    def test_pickled_weights(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        made = pictures.folder_for(self) / "made"
        pickled = pickle.dumps(_Maker(str(made)))
        write_parts(path, {"config.json": parts_of(path)["config.json"], "model.weights.npz": pickled})
        self.assert_refused("has no model.weights.h5", path)
        self.assertFalse(made.exists())

    def test_weights_in_other_files(self):
        path, _ = self.saved(tf.keras.layers.Conv2D(4, 3))
        parts = parts_of(path)

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
            write_parts(path, {**parts, "model.weights.h5": weights.getvalue()})
            self.assert_refused("keeps .* in another place", path)

    def test_random_initializers_are_allowed(self):
        """They draw before the file's weights replace what they drew."""
        path, network = self.saved(tf.keras.layers.Conv2D(4, 3, kernel_initializer="random_normal"))
        self.assertAllEqual(self.build(path).get_weights()[0], network.get_weights()[0])

    def test_operations_between_layers_are_allowed(self):
        inputs = tf.keras.Input((SIZE, SIZE, 3))
        outputs = tf.keras.layers.Conv2D(4, 3)(inputs / 255.0 - 0.5)
        path = str(pictures.folder_for(self) / "operations.keras")
        tf.keras.Model(inputs, outputs + 1.0).save(path)
        self.assertEqual(read_network(path)["class_name"], "Functional")
        self.assertEqual(self.build(path)(images()).shape, (2, 4))


if __name__ == "__main__":
    tf.test.main()
