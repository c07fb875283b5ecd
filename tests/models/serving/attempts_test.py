"""Values where an operation succeeds, zeros where it fails."""

import tensorflow as tf

from models.serving.attempts import attempted

_SPEC = tf.TensorSpec([2], tf.float32)


def _pair(element):
    """[x, x/2] of what is a number and not negative."""
    number = tf.strings.to_number(element)
    with tf.control_dependencies([tf.raw_ops.Assert(condition=number >= 0, data=["negative"])]):
        return tf.stack([number, number / 2])


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def _attempted(elements):
    return attempted(_pair, elements, _SPEC)


class AttemptedTest(tf.test.TestCase):
    def test_failures_anywhere(self):
        for elements, expected in (
            (["4", "2"], [[4, 2], [2, 1]]),
            (["x", "4", "y", "-1", "2", "z"], [[0, 0], [4, 2], [0, 0], [0, 0], [2, 1], [0, 0]]),
            (["0", "x"], [[0, 0], [0, 0]]),
        ):
            values, succeeded = _attempted(tf.constant(elements))
            self.assertAllEqual(values, expected)
            self.assertAllEqual(succeeded, [element in ("4", "2", "0") for element in elements])

    def test_all_fail_or_there_is_nothing(self):
        for elements in ([], ["x"], ["x"] * 9):
            values, succeeded = _attempted(tf.constant(elements, tf.string))
            self.assertAllEqual(values, tf.zeros([len(elements), 2]))
            self.assertAllEqual(succeeded, [False] * len(elements))

    def test_order_with_many(self):
        elements = [str(number) if number % 3 else "x" for number in range(500)]
        values, succeeded = _attempted(tf.constant(elements))
        self.assertAllEqual(values[:, 0], [number if number % 3 else 0 for number in range(500)])
        self.assertAllEqual(succeeded, [number % 3 > 0 for number in range(500)])

    def test_what_the_function_makes_use_of(self):
        function = tf.function(lambda elements, factor: attempted(lambda x: factor * _pair(x), elements, _SPEC))
        values, succeeded = function(tf.constant(["3", "x"]), tf.constant(2.0))
        self.assertAllEqual(values, [[6, 3], [0, 0]])
        self.assertAllEqual(succeeded, [True, False])

    def test_shapes_are_known(self):
        values, succeeded = _attempted.get_concrete_function().structured_outputs
        self.assertEqual((values.shape.as_list(), succeeded.shape.as_list()), ([None, 2], [None]))
