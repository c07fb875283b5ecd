"""Tensors are assigned all together or not at all, and what does not fit is named."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.weights.assignment import assign_weights, tensor_name, tensors_of
from models.weights.errors import WeightsError
from tests.support.weights_networks import arrays, small_network


class _Unreadable:
    """A tensor whose values must not be asked for."""

    def __init__(self, shape, dtype=np.float32):
        self.shape, self.dtype = shape, np.dtype(dtype)

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("was read")


class AssignWeightsTest(parameterized.TestCase, tf.test.TestCase):
    def _assert_refused(self, tensors, message, network=None):
        network = network or small_network(seed=0)
        before = network.get_weights()
        with self.assertRaisesRegex(WeightsError, message) as caught:
            assign_weights(network, tensors, "somewhere.h5")
        for one, two in zip(before, network.get_weights()):
            np.testing.assert_array_equal(one, two)
        return str(caught.exception)

    def test_every_variable_gets_its_own(self):
        wanted = small_network(seed=1)
        network = small_network(seed=2)
        self.assertEqual(assign_weights(network, dict(reversed(arrays(wanted).items())), "somewhere"), [])
        for one, two in zip(wanted.get_weights(), network.get_weights()):
            np.testing.assert_array_equal(one, two)

    def test_layers_of_inner_models_go_by_their_own_names(self):
        inner = small_network(seed=2)
        inputs = tf.keras.Input((None, None, 3))
        assign_weights(tf.keras.Model(inputs, inner(inputs)), arrays(small_network(seed=1)), "somewhere")
        np.testing.assert_array_equal(inner.get_weights()[0], small_network(seed=1).get_weights()[0])

    def test_all_that_does_not_fit_is_named_at_once(self):
        tensors = arrays(small_network(seed=1))
        tensors["norm/gamma"] = np.ones([5], np.float32)
        tensors["conv2/kernel"] = np.ones([1], np.float32)
        del tensors["conv/kernel"], tensors["conv/bias"]
        message = self._assert_refused(tensors, "somewhere.h5 does not fit the network small, which needs 6 tensors")
        for part in (
            "2 missing (conv/kernel, conv/bias)",
            "1 surplus (conv2/kernel)",
            "1 of another shape (norm/gamma [5], needed [4])",
        ):
            self.assertIn(part, message)

    @parameterized.parameters((10, "10 surplus (", ""), (13, "13 surplus (", "x9/kernel and 3 more)"))
    def test_ten_of_each_are_named(self, count, start, end):
        tensors = {**arrays(small_network(seed=1)), **{f"x{i}/kernel": np.zeros(1, np.float32) for i in range(count)}}
        message = self._assert_refused(tensors, "does not fit")
        self.assertIn(start, message)
        self.assertIn(end or "x9/kernel)", message)

    @parameterized.parameters("last_linear", "embedding")
    def test_a_head_that_the_network_lacks_is_left_out(self, head):
        self.assertEqual(assign_weights(small_network(0), arrays(small_network(1, classifier=head)), "x"), [head])

    def test_other_layers_are_never_left_out(self):
        self._assert_refused(arrays(small_network(1, classifier="dense")), "2 surplus .dense/kernel, dense/bias.")

    def test_a_head_that_the_network_has_must_fit(self):
        network = small_network(0, classifier="fc")
        tensors = {**arrays(small_network(1)), "fc/kernel": np.zeros([4, 1000], np.float32)}
        self._assert_refused(tensors, "1 missing .fc/bias.; 1 of another shape .fc/kernel", network)
        tensors = arrays(small_network(1, classifier="fc"))
        tensors["fc/scale"] = np.zeros(2, np.float32)
        self._assert_refused(tensors, "1 surplus .fc/scale.", network)

    def test_nothing_is_read_before_every_shape_fits(self):
        tensors = {name: _Unreadable(array.shape) for name, array in arrays(small_network(1, "fc")).items()}
        tensors["conv/kernel"] = _Unreadable((1 << 40, 1 << 40))
        self._assert_refused(tensors, "1 of another shape")

    @parameterized.parameters(np.nan, np.inf, -np.inf)
    def test_what_is_not_finite_is_refused_by_name(self, value):
        tensors = arrays(small_network(seed=1))
        # The last tensor: those before it must stay unassigned.
        tensors["norm/moving_variance"][2:] = value
        self._assert_refused(tensors, "2 of 4 values in norm/moving_variance that are not finite")

    def test_what_the_variable_cannot_hold_is_refused(self):
        tensors = arrays(small_network(seed=1))
        tensors["norm/beta"] = np.full([4], 1e39)  # float32 ends at 3.4e38.
        self._assert_refused(tensors, "4 of 4 values in norm/beta that are not finite as float32")

    @parameterized.parameters(np.float16, np.float64)
    def test_other_floats_are_converted(self, dtype):
        tensors = {name: array.astype(dtype) for name, array in arrays(small_network(seed=1)).items()}
        network = small_network(seed=0)
        assign_weights(network, tensors, "somewhere")
        np.testing.assert_array_equal(network.get_layer("norm").beta, tensors["norm/beta"].astype(np.float32))

    def test_variables_under_one_name_are_refused(self):
        inputs = tf.keras.Input((None, None, 3))
        first, second = small_network(0), tf.keras.Sequential([tf.keras.layers.Conv2D(3, 1, name="conv")], name="two")
        network = tf.keras.Model(inputs, first(second(inputs)), name="both")
        # Kernel and bias of both layers: 8 variables, 6 names.
        self._assert_refused({}, "both has 8 variables, but only 6 different names", network)

    def test_what_keras_numbers_is_found(self):
        tf.keras.layers.Normalization()  # Whatever was built before, the next one is numbered.
        network = tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Normalization()])
        self.assertRegex(network.layers[0].name, "^normalization_[0-9]+$")
        tensors = {"mean": np.ones(2, np.float32), "variance": np.ones(2, np.float32), "count": np.array(7)}
        assign_weights(network, {f"normalization/{name}": value for name, value in tensors.items()}, "somewhere")
        np.testing.assert_array_equal(network.layers[0].adapt_mean, [1.0, 1.0])

    def test_numbers_of_unnamed_layers_do_not_matter(self):
        def unnamed(seed):
            inputs = tf.keras.Input((4,))
            hidden = tf.keras.layers.Dense(4)(tf.keras.layers.Dense(4)(inputs))
            network = tf.keras.Model(inputs, tf.keras.layers.Dense(4, name="dense_of_its_own")(hidden))
            network.set_weights([np.random.default_rng(seed).normal(size=v.shape) for v in network.get_weights()])
            return network

        wanted, network = unnamed(1), unnamed(2)
        self.assertNotEqual(wanted.layers[1].name, network.layers[1].name)
        for tensors in (tensors_of(wanted), dict(reversed(arrays(wanted).items()))):
            network.set_weights([np.zeros_like(value) for value in network.get_weights()])
            assign_weights(network, tensors, "somewhere")
            for one, two in zip(wanted.get_weights(), network.get_weights()):
                np.testing.assert_array_equal(one, two)

    def test_numbers_of_unnamed_layers_count_in_order(self):
        # dense_9 was built before dense_10.
        network = tf.keras.Sequential([tf.keras.Input((2,)), *(tf.keras.layers.Dense(2, use_bias=False) for _ in "ab")])
        tensors = {f"dense_{number}/kernel": np.full([2, 2], number, np.float32) for number in (10, 9)}
        assign_weights(network, tensors, "somewhere")
        self.assertEqual([value[0, 0] for value in network.get_weights()], [9.0, 10.0])

    @parameterized.parameters(
        ("conv/conv/kernel:0", "conv/kernel"),
        ("inner/conv/kernel:0", "conv/kernel"),
        ("conv1/bn/conv1/bn/gamma:0", "conv1_bn/gamma"),
        ("model_weights/conv1/bn/conv1/bn/gamma:0", "conv1_bn/gamma"),
        ("normalization_3/mean:0", "normalization/mean"),
        ("kernel:0", "/kernel"),
    )
    def test_names_in_files(self, location, name):
        self.assertEqual(tensor_name(location), name)
