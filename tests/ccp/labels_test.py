"""Class labels in every form."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from ccp.labels import class_labels


class ClassLabelsTest(parameterized.TestCase):
    @parameterized.parameters(
        ([3, 1], [3, 1]),
        ([[3], [1]], [3, 1]),
        (np.array([3, 1], np.uint8), [3, 1]),
        ([True, False], [1, 0]),
        (["b", "a"], ["b", "a"]),
        (np.array([["b"], ["a"]], object), ["b", "a"]),
        (tf.constant(["b", "a"]), ["b", "a"]),
        (np.array([b"b", b"a"]), ["b", "a"]),
    )
    def test_forms(self, labels, expected):
        self.assertEqual(class_labels(labels, 2, "It").tolist(), expected)

    @parameterized.parameters(
        (np.eye(2), r"It needs a class for each of 2, .*got \(2, 2\). For one-hot labels pass labels.argmax\(axis=1\)"),
        ([0, 1, 2], r"It needs a label for each of 2; got labels of shape \(3,\)"),
        (0, r"got labels of shape \(\)"),
        ([0.0, 1.0], "integers, booleans or strings; got float64. Whole numbers become integers by labels.astype"),
        ([None, "a"], "integers, booleans or strings; got object"),
        (np.array([1, 2**63], np.uint64), "fit into int64; got 9223372036854775808"),
    )
    def test_refused(self, labels, message):
        with self.assertRaisesRegex(ConfigError, message):
            class_labels(labels, 2, "It")
