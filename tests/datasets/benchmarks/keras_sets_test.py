"""Keras' data sets, of which the arrays are made here."""

from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.benchmarks import cifar10, cifar100, mnist
from datasets.checks import check
from datasets.manifest import Counts, DataError
from tests.support import layouts, pictures
from tests.support.keras_modules import DOWNLOADS, home_directory
from tests.support.tensors import TensorTest

_NAMES = ("cifar10", "cifar100", "mnist")
# Images of each of MNIST's digits in its two parts, as its authors have them.
_MNIST_TRAIN = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
_MNIST_TEST = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)


def _part(name, labels, first):
    """Images whose first pixel is their number, in the form in which Keras has them."""
    labels = np.array(labels, np.uint8)
    shape = (28, 28) if name == "mnist" else (32, 32, 3)
    images = np.zeros((len(labels), *shape), np.uint8)
    images.reshape(len(labels), -1)[:, 0] = np.arange(first, first + len(labels))
    return images, labels if name == "mnist" else labels[:, np.newaxis]


def _replaced(name, **options):
    return mock.patch.object(getattr(tf.keras.datasets, name), "load_data", **options)


class KerasSetsTest(TensorTest):
    @parameterized.parameters(*_NAMES)
    def test_both_parts_are_cut_by_class(self, name):
        num_classes = 100 if name == "cifar100" else 10
        first = np.random.default_rng(0).permutation(num_classes)
        second = np.arange(num_classes)[::-1]
        parts = _part(name, first, 0), _part(name, second, num_classes)
        with _replaced(name, return_value=parts):
            manifest = layouts.load(name)
        self.assertAllEqual(manifest.labels, [*first, *second])
        self.assertAllEqual(manifest.pixels[:, 0, 0, 0], np.arange(2 * num_classes))
        self.assertEqual(manifest.pixels.shape[1:], (28, 28, 1) if name == "mnist" else (32, 32, 3))
        self.assertAllEqual(manifest.splits == "test", manifest.labels >= num_classes // 2)
        half = Counts(num_classes, num_classes // 2)
        self.assertEqual(manifest.counts(), {"train": half, "test": half})
        self.assertEqual(manifest.paths[7], f"{name}/00007")
        check(manifest)

    def test_counts(self):
        self.assertEqual(cifar10.EXPECTED["test"], Counts(5 * 6000, 5))
        self.assertEqual(cifar100.EXPECTED["train"], Counts(50 * 600, 50))
        train = sum(_MNIST_TRAIN[:5]) + sum(_MNIST_TEST[:5])
        self.assertEqual(sum(_MNIST_TRAIN) + sum(_MNIST_TEST), 70000)
        self.assertEqual(mnist.EXPECTED, {"train": Counts(train, 5), "test": Counts(70000 - train, 5)})

    @parameterized.product(name=_NAMES, error=(Exception("URL fetch failure"), ValueError("corrupted"), OSError(28)))
    def test_cannot_be_fetched(self, name, error):
        file = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python", "mnist": "mnist.npz"}[name]
        message = rf"Keras does not have {name} and cannot download it \(.+\).* into .*/\.keras/datasets as {file}"
        with _replaced(name, side_effect=error), self.assertRaisesRegex(DataError, message):
            layouts.load(name)

    @parameterized.parameters(*_NAMES)
    def test_the_file_is_the_one_that_keras_looks_for(self, name):
        home = pictures.folder_for(self)
        asked = []

        def stop(_, path, *__):
            asked.append(path)
            raise OSError("no network")

        # Keras takes its folder from the home directory only if that can be written to.
        (home / ".keras").mkdir()
        fetching = mock.patch(f"{DOWNLOADS}.urlretrieve", stop)
        with home_directory(home), fetching, self.assertRaises(DataError) as caught:
            layouts.load(name)
        self.assertLen(asked, 1)
        folder, _, file = asked[0].rpartition("/")
        self.assertIn(f"put it into {folder} as {file};", str(caught.exception))
