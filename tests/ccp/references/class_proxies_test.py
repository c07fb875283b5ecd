import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ClassProxies


class ClassProxiesTest(parameterized.TestCase, tf.test.TestCase):
    def test_references_are_class_major(self):
        proxies = ClassProxies(3, 2, 4)
        proxies.points.assign(np.arange(24).reshape(3, 2, 4))
        labels, points = proxies.references()
        self.assertAllEqual(labels, [0, 0, 1, 1, 2, 2])
        self.assertEqual(labels.dtype, tf.int64)
        self.assertAllEqual(points, np.arange(24).reshape(6, 4))

    def test_starts_on_the_unit_sphere_by_the_seed(self):
        points = ClassProxies(20, 4, 8, seed=1).points
        self.assertAllClose(tf.norm(points, axis=-1), np.ones((20, 4)))
        self.assertAllEqual(points, ClassProxies(20, 4, 8, seed=1).points)
        self.assertNotAllClose(points, ClassProxies(20, 4, 8, seed=2).points)
        # No direction is preferred: the mean of 80 is short (1/√80 = 0.11 is to be expected).
        self.assertLess(np.linalg.norm(np.mean(points, axis=(0, 1))), 0.35)

    def test_labels_that_have_no_proxies(self):
        proxies, embeddings = ClassProxies(3, 1, 2), tf.zeros((2, 2))
        self.assertAllEqual(proxies.checked(tf.constant([0, 2]), embeddings), [0, 2])
        for labels in ([0, 3], [-1, 0]):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "proxies of 3 classes, for the labels 0 to 2"):
                proxies.checked(tf.constant(labels), embeddings)
        with self.assertRaisesRegex(TypeError, "Number them from 0"):
            proxies.checked(tf.constant(["a", "b"]), embeddings)

    def test_configuration_round_trip(self):
        proxies = ClassProxies(5, 3, 8, seed=7, name="mine")
        again = tf.keras.layers.deserialize(tf.keras.layers.serialize(proxies))
        self.assertIs(type(again), ClassProxies)
        self.assertEqual(again.get_config(), proxies.get_config())
        self.assertEqual(again.name, "mine")
        self.assertAllEqual(again.points, proxies.points)

    @parameterized.parameters((0, 1, "num_classes must be at least 1; got 0"), (3, -1, "proxies_per_class.*got -1"))
    def test_refuses_no_points(self, num_classes, proxies_per_class, message):
        with self.assertRaisesRegex(ValueError, message):
            ClassProxies(num_classes, proxies_per_class, 4)
