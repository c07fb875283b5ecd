"""Start weights from files and from ImageNet; from earlier runs: tests/experiments/earlier_network_test.py."""

import importlib
import inspect
import os
import urllib.error
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from models.backbones.keras_networks import imagenet_network
from models.embedding import build_embedding_model
from models.settings import NetworkSettings
from models.weights import start_weights
from models.weights.assignment import tensors_of
from models.weights.errors import WeightsError
from models.weights.h5_files import save_weights_h5
from models.weights.start_weights import check_start_weights, load_start_weights
from tests.support import networks
from tests.support.keras_modules import DOWNLOADS
from tests.support.starts import StartWeightsTest, small_settings, started

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def _no_run(directory):
    raise AssertionError(f"{directory} is no run")


class CheckTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters("resnet50", "efficientnet_b7")
    def test_keras_networks_need_weights(self, backbone):
        message = rf"{backbone} needs --weights: imagenet \(downloaded by Keras\), an \.h5 file, .*earlier run, or none"
        with self.assertRaisesRegex(ConfigError, message):
            check_start_weights(NetworkSettings(backbone))

    def test_bn_inception_needs_weights(self):
        with self.assertRaisesRegex(ConfigError, "--weights: an .h5 file.*main.py convert makes such a file") as caught:
            check_start_weights(NetworkSettings("bn_inception"))
        self.assertNotIn("imagenet", str(caught.exception))

    @parameterized.parameters("conv4", "resnet20", "bn_inception")
    def test_no_imagenet_weights(self, backbone):
        with self.assertRaisesRegex(ConfigError, f"no weights of {backbone}.*--backbone of Keras Applications"):
            check_start_weights(NetworkSettings(backbone, weights="imagenet"))

    @parameterized.parameters(
        ("conv4", ""), ("bn_inception", "none"), ("resnet50", "imagenet"), ("resnet50", "a file.h5"), ("conv4", "a/run")
    )
    def test_accepted(self, backbone, weights):
        check_start_weights(NetworkSettings(backbone, weights=weights))


class HasStartWeightsTest(parameterized.TestCase):
    @parameterized.parameters(
        ("conv4", "", False),
        ("conv4", "earlier/run", True),
        ("resnet50", "imagenet", True),
        ("resnet50", "none", False),
        ("own.keras", "", True),
        ("own.keras", "none", False),
    )
    def test_of_settings(self, backbone, weights, expected):
        settings = NetworkSettings(backbone, weights=weights)
        self.assertEqual(start_weights.has_start_weights(settings), expected)


class FilesTest(StartWeightsTest):
    @parameterized.parameters("", "none")
    def test_nothing(self, weights):
        model, before = started(small_settings(weights))
        for name, values in tensors_of(model).items():
            np.testing.assert_array_equal(values, before[name])

    @parameterized.parameters("average", "average_max", "gem")
    def test_of_a_network_with_another_head(self, pooling):
        other = build_embedding_model(small_settings("", embedding_size=5, pooling=pooling), channels=1, seed=1)
        path = str(self.folder / "other.h5")
        save_weights_h5(other, path)
        for own_pooling in ("max", "average_max", "gem", "gsp"):
            with self.assertLogs("ccp", "INFO") as logs:
                model, before = started(small_settings(path, pooling=own_pooling))
            expected = {**tensors_of(other), **{n: v for n, v in before.items() if n.startswith("pooling/")}}
            self.assert_backbone_taken(model, before, expected)
            head = "embedding, pooling" if pooling == "gem" else "embedding"
            self.assertIn(f"Weights from {path}; left out: {head}", logs.output[0])

    def test_of_another_network(self):
        path = str(self.folder / "wider.h5")
        save_weights_h5(build_embedding_model(small_settings("", width=5), channels=1, seed=1), path)
        self.assert_refused_unchanged(small_settings(path), r"20 of another shape \(conv0/kernel \[3, 3, 1, 5\]")

    def test_no_file(self):
        self.assert_refused_unchanged(
            small_settings(self.folder / "none.h5"), "There is no file of weights at .*none.h5"
        )

    @parameterized.parameters(("resnet50", ""), ("efficientnet_b0", "; left out: normalization of the input"))
    def test_of_keras_network(self, backbone, left_out):
        path = str(self.folder / "keras.h5")
        theirs, ours = networks.keras_network(backbone), networks.embedding_network(backbone)
        save_weights_h5(theirs, path)
        with networks.unchanged_after(ours), self.assertLogs("ccp", "INFO") as logs:
            before = tensors_of(ours)
            load_start_weights(ours, networks.settings(backbone, weights=path), _no_run)
            self.assert_backbone_taken(ours, before, tensors_of(theirs))
        self.assertEqual(logs.records[0].getMessage(), f"Weights from {path}{left_out}")


class ImageNetTest(StartWeightsTest):
    def test_efficientnet_sees_what_keras_shows_it(self):
        """Keras' own network, built for its ImageNet weights, where only the download is replaced."""
        path, kept = str(self.folder / "downloaded.h5"), []
        self.write_as_downloaded(path)
        ours, images = networks.embedding_network("efficientnet_b0"), networks.images()

        def build(name):
            with mock.patch(f"{DOWNLOADS}.get_file", return_value=path) as fetched:
                kept.append(imagenet_network(name))
            self.assertEqual(fetched.call_args[0][0], "efficientnetb0_notop.h5")
            return kept[0]

        with networks.unchanged_after(ours), mock.patch.object(start_weights, "imagenet_network", build):
            load_start_weights(ours, networks.settings("efficientnet_b0", weights="imagenet"), _no_run)
            features = tf.keras.Model(ours.input, ours.get_layer("pooling").input)(images, training=False)
        expected = kept[0](images, training=False)
        self.assertAllClose(features, expected, rtol=0, atol=1e-5 * float(tf.reduce_max(tf.abs(expected))))

    def write_as_downloaded(self, path):
        """With the numbers for the input that Keras' files have, the deviation in the variance's place."""
        theirs = networks.keras_network("efficientnet_b0")
        norm = next(layer for layer in theirs.layers if isinstance(layer, tf.keras.layers.Normalization))
        before = norm.get_weights()
        self.addCleanup(norm.set_weights, before)
        norm.set_weights([np.float32(_MEAN), np.float32(_DEVIATION), before[2]])
        save_weights_h5(theirs, path)

    def test_message_names_the_file_to_fetch(self):
        """By Keras' own download, which fails without a network."""
        model, kept_as = networks.embedding_network("conv4"), []

        def fetch(url, path, *_):
            kept_as.append(os.path.basename(path))
            raise urllib.error.URLError("no network")

        no_network = mock.patch(f"{tf.keras.utils.get_file.__module__}.urlretrieve", fetch)
        home = mock.patch.dict(os.environ, {"HOME": str(self.folder)})
        message = "Download https://[^ ]*vgg16/vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
        with no_network, home, self.assertRaisesRegex(WeightsError, message) as raised:
            load_start_weights(model, networks.settings("vgg16", weights="imagenet"), _no_run)
        self.assertIn(f"put it here as ~/.keras/models/{kept_as[0]}.", str(raised.exception))

    def test_names_that_keras_keeps_under_another_one(self):
        source = inspect.getsource(importlib.import_module(tf.keras.applications.NASNetMobile.__module__))
        for address, kept_as in start_weights._KEPT_AS.items():
            self.assertIn(address, source)
            self.assertIn(f'"{kept_as}"', source)
        error = Exception("URL fetch failure on https://host/nasnet/NASNet-mobile-no-top.h5: None -- no network")
        failing = mock.patch.object(start_weights, "imagenet_network", side_effect=error)
        settings = networks.settings("nasnet_mobile", weights="imagenet")
        message = "Download https://host/nasnet/NASNet-mobile-no-top.h5 .*~/.keras/models/nasnet_mobile_no_top.h5"
        with failing, self.assertRaisesRegex(WeightsError, message):
            load_start_weights(networks.embedding_network("conv4"), settings, _no_run)

    @parameterized.parameters(
        (Exception("URL fetch failure on https://…: None\nmore"), r"\(URL fetch failure on https://…: None\)"),
        (TimeoutError(), r"\(TimeoutError\)"),
    )
    def test_cannot_be_fetched(self, error, message):
        model = networks.embedding_network("resnet50")
        before = model.get_weights()
        failing = mock.patch.object(start_weights, "imagenet_network", side_effect=error)
        with failing, self.assertRaisesRegex(WeightsError, f"of resnet50 {message}.*pass the path as --weights"):
            load_start_weights(model, networks.settings("resnet50", weights="imagenet"), _no_run)
        for now, then in zip(model.get_weights(), before):
            np.testing.assert_array_equal(now, then)
