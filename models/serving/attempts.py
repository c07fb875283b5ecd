"""Trying an operation that may fail on each element of a batch, in a graph without Python."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Elements at once: an image of the largest size that is accepted takes more than a gigabyte while it is resized.
_AT_ONCE = 4


def attempted(
    function: Callable[[tf.Tensor], tf.Tensor], elements: tf.Tensor, spec: tf.TensorSpec
) -> tuple[tf.Tensor, tf.Tensor]:
    """A function's value for each element, and zeros where it raises an error.

    TensorFlow's graphs have no way to catch an error; of its operations only ``Dataset.ignore_errors`` does. The
    kernels that this takes are among those that every build of TensorFlow Serving has.

    Args:
      function: of one element.
      elements: [batch, …].
      spec: of the function's value, of a known shape.

    Returns:
      The values, [batch, *shape]; and whether there is one, [batch] bool.
    """
    batch = tf.shape(elements, tf.int64)[0]
    values = tf.data.Dataset.from_tensor_slices(elements).enumerate()
    values = values.map(
        lambda place, element: (place, function(element)), num_parallel_calls=_AT_ONCE, deterministic=True
    )
    # One more, so that there is one even if all fail.
    last = tf.data.Dataset.from_tensors((batch, tf.zeros(spec.shape, spec.dtype)))
    places, found = values.ignore_errors().concatenate(last).batch(batch + 1).get_single_element()
    places = places[:, tf.newaxis]
    shape = tf.concat([[batch + 1], tf.constant(spec.shape.as_list(), tf.int64)], 0)
    succeeded = tf.scatter_nd(places, tf.ones_like(places[:, 0], tf.int32), [batch + 1])[:-1] > 0
    return tf.ensure_shape(tf.scatter_nd(places, found, shape)[:-1], [None, *spec.shape]), succeeded
