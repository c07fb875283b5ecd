"""Intensities as networks expect them."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from models.input_convention import InputConvention


class InputConventionTest(parameterized.TestCase, tf.test.TestCase):
    def test_channels_have_their_own_mean(self):
        images = np.full((2, 4, 4, 3), (51, 102, 255), np.float32)  # 0.2, 0.4, 1.
        expected = np.broadcast_to([0.0, 1.0, 5.0], (2, 4, 4, 3))
        self.assertAllClose(InputConvention((0.2, 0.3, 0.5), 10.0)(images), expected, atol=1e-5)

    @parameterized.parameters((0, -1.0), (255, 1.0), (127.5, 0.0))
    def test_ends_of_the_range(self, level, expected):
        self.assertAllClose(InputConvention((0.5,), 2.0)(np.full((1, 2, 2, 1), level)), np.full((1, 2, 2, 1), expected))

    def test_bytes_and_floats_are_alike(self):
        images = np.random.default_rng(0).integers(0, 256, (2, 3, 3, 1))
        layer = InputConvention((0.4,), 3.0)
        self.assertAllEqual(layer(images.astype(np.uint8)), layer(images.astype(np.float32)))

    def test_has_nothing_to_train_and_remembers_its_arguments(self):
        layer = InputConvention((0.1, 0.2, 0.3), 2.0)
        layer(np.zeros((1, 2, 2, 3)))
        self.assertEmpty(layer.variables)
        again = InputConvention.from_config(layer.get_config())
        images = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3))
        self.assertAllEqual(again(images), layer(images))
