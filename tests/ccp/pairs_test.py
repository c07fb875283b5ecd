import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.pairs import as_labels, exclude_copies, pairs_between, pairs_within


class AsLabelsTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters("int8", "uint8", "int32", "int64")
    def test_integers_of_any_type_become_int64(self, dtype):
        # Else 256 would be class 0 among uint8 labels, and 2**24 + 1 class 2**24 among float32 ones.
        labels = as_labels(np.array([[3], [100]], dtype))
        self.assertEqual(labels.dtype, tf.int64)
        self.assertAllEqual(labels, [3, 100])

    def test_keeps_strings(self):
        self.assertAllEqual(as_labels(["cub", "cars"]), [b"cub", b"cars"])

    def test_refuses_numbers_that_are_no_integers(self):
        with self.assertRaisesRegex(TypeError, "must be integers.*got float32.*tf.cast"):
            as_labels(np.array([1, 2], np.float32))

    @parameterized.parameters([(2, 3)], [(2, 1, 1)], [()], [(1, 2)])
    def test_refuses_other_shapes(self, shape):
        with self.assertRaisesRegex(ValueError, r"\[batch\] or \[batch, 1\].*tf.argmax"):
            as_labels(np.zeros(shape, np.int64))

    def test_refuses_another_number_than_known(self):
        self.assertAllEqual(as_labels([1, 2], 2), [1, 2])
        with self.assertRaisesRegex(ValueError, "got 2 labels for 3 embeddings"):
            as_labels([1, 2], 3)


class PairsTest(tf.test.TestCase):
    def test_within_a_batch(self):  # An example is excluded by index: others of its class stay, whatever they are.
        positives, negatives = pairs_within(tf.constant([5, 2, 5]))
        self.assertAllEqual(positives, [[0, 0, 1], [0, 0, 0], [1, 0, 0]])
        self.assertAllEqual(negatives, [[0, 1, 0], [1, 0, 1], [0, 1, 0]])

    def test_between_sets(self):
        positives, negatives = pairs_between(tf.constant([5, 2]), tf.constant([2, 5, 7]))
        self.assertAllEqual(positives, [[0, 1, 0], [1, 0, 0]])
        self.assertAllEqual(negatives, [[1, 0, 1], [0, 1, 1]])

    def test_without_own_copies(self):
        # The second anchor's copy is the first reference, the first one's the third.
        pairs = pairs_between(tf.constant([5, 2]), tf.constant([2, 5, 5]))
        positives, negatives = exclude_copies(pairs, tf.constant([2, 0]))
        self.assertAllEqual(positives, [[0, 1, 0], [0, 0, 0]])
        self.assertAllEqual(negatives, [[1, 0, 0], [0, 1, 1]])
