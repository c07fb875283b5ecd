import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ProxyReinitializer
from ccp.projection.proxy_reinitializer import pool_size

# On a line: one class, five candidates.
CANDIDATES = np.float32([[[1], [-2], [6], [-5], [7]]])


class ProxyReinitializerTest(parameterized.TestCase, tf.test.TestCase):
    def test_starts_from_the_origin(self):
        # 7 is farthest from 0; −5 is 5 from 0; then 1 (1 from 0) and −2 (2 from 0) and 6 (1 from 7): −2.
        self.assertAllEqual(ProxyReinitializer(3)(CANDIDATES), [[[7], [-5], [-2]]])

    def test_covers_what_the_current_proxies_leave(self):
        # From −4 and 8: nearest distances 5, 2, 2, 1, 1. Then 1 is a centre: −2 and 6 are at 2, the first one wins.
        current = np.float32([[[-4], [8]]])
        self.assertAllEqual(ProxyReinitializer(2)(CANDIDATES, current), [[[1], [-2]]])

    def test_all_classes_at_once_with_a_class_specific_start(self):
        candidates = np.concatenate([CANDIDATES, CANDIDATES])
        new = ProxyReinitializer(1)(candidates, np.float32([[[7]], [[-5]]]))
        self.assertAllEqual(new, [[[-5]], [[7]]])

    def test_normalize(self):
        # By direction all positive candidates are one point, and so are all negative ones.
        new = ProxyReinitializer(2, normalize=True)(CANDIDATES, np.float32([[[3]]]))
        self.assertAllEqual(new, [[[-2], [1]]])

    def test_configuration_round_trip(self):
        reinitializer = ProxyReinitializer(3, normalize=True, name="mine")
        again = tf.keras.layers.deserialize(tf.keras.layers.serialize(reinitializer))
        self.assertIs(type(again), ProxyReinitializer)
        self.assertEqual(again.get_config(), reinitializer.get_config())
        self.assertEqual((again.name, again.proxies_per_class, again.normalize), ("mine", 3, True))


class PoolSizeTest(parameterized.TestCase):
    @parameterized.parameters((12, 8, 12), (7, 4, 7), (8, 8, 8), (7, 8, 56), (1, 8, 8), (1, 1, 1))
    def test_is_as_asked_or_times_k_if_fewer_than_k(self, candidates, proxies_per_class, expected):
        self.assertEqual(pool_size(candidates, proxies_per_class), expected)
