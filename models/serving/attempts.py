"""Trying an operation that may fail on each element of a batch, in a graph without Python."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

# Elements at once: an image of the largest size that is accepted takes more than a gigabyte while it is resized.
_AT_ONCE = 4
# Unless told that a function stays on one device, the data set asks for each of its operations at each call whether it
# does: 2 ms for those that read an image file, more than reading a small one takes. This is the way to tell it.
_ON_ONE_DEVICE = {"experimental_ints_on_device": True}


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
    # Not enumerate(): that is two data sets more, each to be set up at each call.
    numbered = tf.data.Dataset.from_tensor_slices((tf.range(batch), elements))
    values = _mapped(lambda place, element: (place, function(element)), numbered, (tf.TensorSpec([], tf.int64), spec))
    # One more, so that there is one even if all fail.
    last = tf.data.Dataset.from_tensors((batch, tf.zeros(spec.shape, spec.dtype)))
    places, found = values.ignore_errors().concatenate(last).batch(batch + 1).get_single_element()
    places = places[:, tf.newaxis]
    shape = tf.concat([[batch + 1], tf.constant(spec.shape.as_list(), tf.int64)], 0)
    succeeded = tf.scatter_nd(places, tf.ones_like(places[:, 0], tf.int32), [batch + 1])[:-1] > 0
    return tf.ensure_shape(tf.scatter_nd(places, found, shape)[:-1], [None, *spec.shape]), succeeded


def _mapped(function: Callable, elements: tf.data.Dataset, specs: tuple[tf.TensorSpec, ...]) -> tf.data.Dataset:
    """``elements.map``, several at once and in order, of a function that stays on one device."""
    given = tf.function(
        function, input_signature=elements.element_spec, autograph=False, experimental_attributes=_ON_ONE_DEVICE
    ).get_concrete_function()
    mapped = tf.raw_ops.ParallelMapDatasetV2(
        input_dataset=tf.data.experimental.to_variant(elements),
        other_arguments=given.captured_inputs,
        num_parallel_calls=tf.constant(_AT_ONCE, tf.int64),
        f=given,
        output_types=[spec.dtype for spec in specs],
        output_shapes=[spec.shape for spec in specs],
        deterministic="true",
    )
    return tf.data.experimental.from_variant(mapped, specs)
