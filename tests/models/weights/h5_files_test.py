"""Weights written to HDF5 files and read from Keras' own, from damaged ones and from hostile ones."""

import os
import zipfile

import h5py
import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.weights.errors import WeightsError
from models.weights.h5_files import save_weights_h5
from tests.support.weights_networks import load, small_network


class H5Test(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        folder = os.path.join(self.get_temp_dir(), self.id())
        os.makedirs(folder)
        self.path = os.path.join(folder, "weights.h5")

    def _assert_same(self, network, wanted):
        for one, two in zip(wanted.get_weights(), network.get_weights()):
            np.testing.assert_array_equal(one.view(np.int32), two.view(np.int32))

    def _assert_refused(self, message, path=None):
        network = small_network(seed=0)
        with self.assertRaisesRegex(WeightsError, message):
            load(network, path or self.path)
        self._assert_same(network, small_network(seed=0))


class SavedTest(H5Test):
    @parameterized.parameters("weights.h5", "x.weights.h5", "no_ending")
    def test_round_trip(self, name):
        path = os.path.join(os.path.dirname(self.path), name)
        wanted = small_network(seed=1)
        # Values that only a copy of the bits preserves.
        wanted.get_layer("norm").beta.assign([-0.0, 1e-45, 3.4028235e38, 1.0000001])
        save_weights_h5(wanted, path)
        network = small_network(seed=2)
        self.assertEqual(load(network, path), [])
        self._assert_same(network, wanted)
        self.assertEqual(os.listdir(os.path.dirname(path)), [name])


class KerasFilesTest(H5Test):
    def test_files_of_another_kind(self):
        keras, torch, old = (os.path.join(os.path.dirname(self.path), name) for name in ("a.keras", "b.pth", "c.pth"))
        small_network(seed=1).save(keras)
        with zipfile.ZipFile(torch, "w") as file:
            file.writestr("archive/data.pkl", b"")
        with open(old, "wb") as file:
            file.write(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.")  # How PyTorch's files began before they were zips.
        self._assert_refused("a.keras is a whole Keras model. Pass it as --backbone=.*a.keras", keras)
        for path in (torch, old):
            self._assert_refused("is a checkpoint of PyTorch, .* main.py convert makes one", path)

    def test_weights_of_a_whole_model(self):
        wanted = small_network(seed=1)
        wanted.compile(tf.keras.optimizers.Adam())
        wanted.optimizer.apply_gradients([(tf.ones_like(v), v) for v in wanted.trainable_variables])
        wanted.save(self.path)
        with h5py.File(self.path) as file:
            self.assertIn("optimizer_weights", file)  # Of which nothing is read.
        network = small_network(seed=2)
        self.assertEqual(load(network, self.path), [])
        self._assert_same(network, wanted)

    def test_layers_of_an_inner_model(self):
        inner = small_network(seed=1)
        inputs = tf.keras.Input((None, None, 3))
        outputs = tf.keras.layers.Dense(7, name="predictions")(inner(inputs))
        tf.keras.Model(inputs, outputs).save(self.path)
        network = small_network(seed=2)
        self.assertEqual(load(network, self.path), ["predictions"])
        self._assert_same(network, inner)

    def test_what_keras_numbers(self):
        # As in its EfficientNet, whose layer has a number from the second network of a process on.
        networks = [tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Normalization()]) for _ in range(2)]
        self.assertNotEqual(*(network.layers[0].name for network in networks))
        networks[1].set_weights([np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array(5)])
        save_weights_h5(networks[1], self.path)
        self.assertEqual(load(networks[0], self.path), [])
        for one, two in zip(*(network.get_weights() for network in networks)):
            np.testing.assert_array_equal(one, two)

    def test_the_layout_without_layer_names_is_refused(self):
        path = os.path.join(os.path.dirname(self.path), "x.weights.h5")
        small_network(seed=1).save_weights(path)
        self._assert_refused("without the name of its layer.*save the model itself as .h5", path)


class UnfitFilesTest(H5Test):
    def _edited(self):
        save_weights_h5(small_network(seed=1), self.path)
        return h5py.File(self.path, "r+")

    def test_no_file(self):
        self._assert_refused("There is no file of weights at .*weights.h5")
        self._assert_refused("is a directory", os.path.dirname(self.path))

    @parameterized.parameters(b"", b"<html>404</html>", b"\x89HDF\r\n\x1a\n")
    def test_not_hdf5(self, content):
        with open(self.path, "wb") as file:
            file.write(content)
        self._assert_refused("is not a whole HDF5 file")

    @parameterized.parameters(0.1, 0.5, 0.9, 0.999)
    def test_truncated(self, part):
        save_weights_h5(small_network(seed=1), self.path)
        os.truncate(self.path, int(part * os.path.getsize(self.path)))
        self._assert_refused("is not a whole HDF5 file")

    def test_damaged_values(self):
        wanted = np.arange(4, dtype=np.float32)
        with self._edited() as file:
            del file["norm/norm/gamma:0"]
            file.create_dataset("norm/norm/gamma:0", data=wanted, compression="gzip", shuffle=True, chunks=(4,))
            offset = file["norm/norm/gamma:0"].id.get_chunk_info(0).byte_offset
        with open(self.path, "r+b") as file:
            file.seek(offset)
            file.write(b"\xff" * 8)
        self._assert_refused("is damaged at norm/gamma")

    def test_bytes_changed_anywhere(self):
        save_weights_h5(small_network(seed=1), self.path)
        with open(self.path, "rb") as file:
            whole = np.frombuffer(file.read(), np.uint8)
        generator = np.random.default_rng(0)
        network = small_network(seed=0)
        num_refused = 0
        for _ in range(60):
            damaged = whole.copy()
            damaged[generator.integers(len(whole), size=10)] = generator.integers(256, size=10)
            damaged.tofile(self.path)
            try:
                load(network, self.path)
            except WeightsError:
                num_refused += 1
            self.assertTrue(all(np.isfinite(value).all() for value in network.get_weights()))
        self.assertGreater(num_refused, 20)

    def test_values_in_other_files_are_not_read(self):
        raw = os.path.join(os.path.dirname(self.path), "raw")
        np.zeros(4, np.float32).tofile(raw)
        with self._edited() as file:
            del file["norm/norm/gamma:0"]
            file.create_dataset("norm/norm/gamma:0", (4,), np.float32, external=[(raw, 0, 16)])
        self._assert_refused("keeps /norm/norm/gamma:0 in another file")
        with self._edited() as file:
            layout = h5py.VirtualLayout((4,), np.float32)
            layout[:] = h5py.VirtualSource(raw, "x", (4,))
            del file["norm/norm/gamma:0"]
            file.create_virtual_dataset("norm/norm/gamma:0", layout)
        self._assert_refused("keeps /norm/norm/gamma:0 in another file")

    def test_links_are_not_followed(self):
        outside = os.path.join(os.path.dirname(self.path), "outside.h5")
        save_weights_h5(small_network(seed=1), outside)
        for link in (h5py.ExternalLink(outside, "/norm"), h5py.SoftLink("/conv")):
            with self._edited() as file:
                del file["norm"]
                file["norm"] = link
            self._assert_refused("4 missing .norm/gamma")

    def test_two_tensors_under_one_name(self):
        with self._edited() as file:
            file["other/norm/gamma:0"] = np.zeros(4, np.float32)
        self._assert_refused("has two tensors norm/gamma: /norm/norm/gamma:0 and /other/norm/gamma:0")
