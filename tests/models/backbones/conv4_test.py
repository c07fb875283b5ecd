"""The map of Conv4; its layers: tests/models/embedding_test.py."""

import tensorflow as tf
from absl.testing import parameterized

from models.backbones.conv4 import conv4
from models.settings import NetworkSettings


class Conv4Test(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters((8, 1), (9, 1), (15, 1), (16, 1), (17, 1), (28, 1), (31, 1), (32, 2), (64, 4))
    def test_map(self, image_size, expected):
        # Four halvings, rounded down; a map of one pixel stays: 8 → 4 → 2 → 1 → 1.
        features = conv4(tf.keras.Input((image_size, image_size, 3)), NetworkSettings(width=2))
        self.assertEqual(features.shape, (None, expected, expected, 2))
