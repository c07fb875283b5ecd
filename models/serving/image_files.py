"""Image files in a graph without Python: those that cannot be read are found, and do not fail the others."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from datasets.images.headers import MAX_PIXELS

# Of the largest image that is accepted, resizing takes more than a gigabyte.
_AT_ONCE = 4
_JPEG, _PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_EMPTY = "The file is empty"
_OTHER = "The file is no JPEG or PNG image"
_DAMAGED = f"The image is damaged, cut off, or larger than {MAX_PIXELS:,} pixels"


def read_each(
    read: Callable[[tf.Tensor], tf.Tensor], files: tf.Tensor, shape: tuple[int, ...]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads image files; zeros for those whose reading fails.

    Args:
      read: the bytes of a file, [] string, to an image of the given shape.
      files: [batch] string.
      shape: of an image, fully known.

    Returns:
      Images [batch, *shape] float32, and whether each could be read, [batch] bool.
    """
    # Graphs cannot catch errors, except for this method of data sets.
    number = tf.size(files, tf.int64)
    numbered = tf.data.Dataset.from_tensor_slices((tf.range(number), files))
    images = numbered.map(lambda place, file: (place, read(file)), num_parallel_calls=_AT_ONCE, deterministic=True)
    # One more, so that there is one even if all fail.
    extra = tf.data.Dataset.from_tensors((number, tf.zeros(shape)))
    places, found = images.ignore_errors().concatenate(extra).batch(number + 1).get_single_element()
    places, all_images = places[:, tf.newaxis], tf.constant(shape, tf.int64)
    ok = tf.scatter_nd(places, tf.ones_like(places[:, 0], tf.int32), [number + 1]) > 0
    every = tf.scatter_nd(places, found, tf.concat([[number + 1], all_images], 0))
    return tf.ensure_shape(every[:-1], [None, *shape]), ok[:-1]


def reasons(files: tf.Tensor, ok: tf.Tensor) -> tf.Tensor:
    """Why files cannot be read, [batch] string; empty for those that can.

    Args:
      files: [batch] string.
      ok: [batch] bool, from ``read_each``.
    """
    is_image = (tf.strings.substr(files, 0, len(_JPEG)) == _JPEG) | (tf.strings.substr(files, 0, len(_PNG)) == _PNG)
    reason = tf.where(is_image, _DAMAGED, tf.where(tf.strings.length(files) == 0, _EMPTY, _OTHER))
    return tf.where(ok, "", reason)
