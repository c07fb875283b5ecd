"""PyTorch's BN-Inception, converted; a module that unpickles nothing stands in for PyTorch."""

import os
import pickle
import sys
import types
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.files import OutputError
from models.weights.errors import WeightsError
from models.weights.h5_files import read_h5
from models.weights.pytorch_checkpoint import convert_bn_inception, layer_name, read_checkpoint
from models.weights.pytorch_layouts import keras_tensors
from tests.support import recorded_bn_inception


class _Tensor:
    """What of ``torch.Tensor`` is used, over an array."""

    def __init__(self, array):
        self._array = array

    def detach(self):
        return self

    def float(self):
        return _Tensor(np.asarray(self._array, np.float32))

    def numpy(self):
        return self._array


def _torch(stored, version="2.6.0+cpu"):
    """A module whose ``load`` gives ``stored`` (or raises it), if called in the one safe way."""

    def load(path, *, map_location, weights_only):
        assert os.path.exists(path) and map_location == "cpu" and weights_only is True
        if isinstance(stored, Exception):
            raise stored
        return stored

    torch = types.ModuleType("torch")
    torch.__version__ = version
    torch.load = load
    torch.is_tensor = lambda value: isinstance(value, _Tensor)
    return mock.patch.dict(sys.modules, {"torch": torch})


def _tensors(arrays):
    return {name: _Tensor(array) for name, array in arrays.items()}


class CheckpointTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        folder = os.path.join(self.get_temp_dir(), self.id())
        os.makedirs(folder)
        self.checkpoint = os.path.join(folder, "published.pth")
        self.output = os.path.join(folder, "bn_inception.h5")
        with open(self.checkpoint, "wb") as file:
            file.write(b"stands for what PyTorch wrote")

    def _assert_refused(self, stored, message, version="2.6.0"):
        with _torch(stored, version), self.assertRaisesRegex(WeightsError, message) as caught:
            convert_bn_inception(self.checkpoint, self.output)
        self.assertFalse(os.path.exists(self.output))
        return str(caught.exception)


class ConvertTest(CheckpointTest):
    def test_every_published_form(self):
        # All that such files differ in: a wrapper, prefixes, batch norms [1, channels], counters, a classifier.
        published = recorded_bn_inception.pytorch_state()
        state = {name: value[np.newaxis] if "_bn." in name else value for name, value in published.items()}
        state.update({f"{name}.num_batches_tracked": np.array(0) for name in ("conv2_3x3_bn", "inception_3a_1x1_bn")})
        state.update({"last_linear.weight": np.ones([1000, 1024], np.float32), "last_linear.bias": np.ones(1000)})
        stored = {"epoch": 3, "state_dict": _tensors({f"module.model.{name}": value for name, value in state.items()})}
        with _torch(stored):
            self.assertEqual(convert_bn_inception(self.checkpoint, self.output), ["last_linear"])
        # That these tensors give the recorded features is tested where the network is.
        expected = keras_tensors(published, layer_name)
        with read_h5(self.output) as tensors:
            self.assertEqual(set(tensors), set(expected))
            for name, array in expected.items():
                np.testing.assert_array_equal(tensors[name], array)

    def test_a_checkpoint_of_another_network_is_refused(self):
        state = {"conv1.weight": np.ones([64, 3, 7, 7], np.float32), "layer1.0.bn1.running_mean": np.ones(64)}
        message = self._assert_refused(_tensors(state), "published.pth does not fit the network bn_inception")
        self.assertIn("2 surplus (conv1/kernel, layer1.0.bn1/running_mean)", message)
        self.assertIn("414 missing (conv1_7x7_s2/kernel", message)

    def test_an_output_that_cannot_be_written_is_refused_before_the_work(self):
        with self.assertRaisesRegex(OutputError, "cannot be written; pass --weights"):
            convert_bn_inception(self.checkpoint, os.path.join(self.output, "missing", "x.h5"))


class ReadTest(CheckpointTest):
    def test_without_pytorch(self):
        missing, message = mock.patch.dict(sys.modules, {"torch": None}), "cannot be imported.*pip install 'torch>=2.6'"
        with missing, self.assertRaisesRegex(WeightsError, message):
            read_checkpoint(self.checkpoint)

    @parameterized.parameters("1.13.1", "2.5.1+cu124", "2.0.0")
    def test_an_unsafe_pytorch_is_refused(self, version):
        self._assert_refused(AssertionError(), f"PyTorch {version[:3]}.* may run code.*'torch>=2.6'", version)

    def test_a_file_with_more_than_tensors_is_refused(self):
        advice = "Weights only load failed. Set weights_only=False if you trust the file."
        message = self._assert_refused(pickle.UnpicklingError(advice), "no PyTorch file that holds tensors alone")
        self.assertNotIn("weights_only=False", message)

    @parameterized.parameters(EOFError(), RuntimeError("failed finding central directory"), KeyError("x"))
    def test_a_damaged_file_is_refused(self, error):
        self._assert_refused(error, "is not a whole PyTorch file .*; get the file again")

    @parameterized.parameters(([1, 2],), ({"a": 1},), ({"state_dict": {"a": "text"}},), (_Tensor(np.ones(2)),))
    def test_what_is_no_state_dict_is_refused(self, stored):
        self._assert_refused(stored, "holds no state dict of tensors")
