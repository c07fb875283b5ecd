"""The first frame of a GIF file, for TensorFlow's decoder, which reads all frames into memory before it gives one."""

from __future__ import annotations

import tensorflow as tf

_HEADER = 13
_DESCRIPTOR = 10
_FLAGS = 10
_EXTENSION, _IMAGE = 0x21, 0x2C
_TRAILER = b";"


def first_frame(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts a GIF file off after its first frame.

    Whatever the bytes, this ends, and does not fail: after a file's end it goes on as if there were zeros, which
    end what is gone through.

    Returns:
      The file, [] string, and left, top, width and height of the frame on the canvas, [4] int32; zeros if there is
      none.
    """
    size = tf.strings.length(contents)
    beyond = tf.zeros([_HEADER + _DESCRIPTOR], tf.uint8)
    data = tf.cast(tf.concat([tf.io.decode_raw(contents, tf.uint8), beyond], 0), tf.int32)

    def after_blocks(start: tf.Tensor) -> tf.Tensor:
        """Blocks are preceded by their lengths; the one of length 0 is the last."""

        def next_block(at: tf.Tensor) -> tuple[tf.Tensor]:
            return (tf.minimum(at + 1 + data[at], size),)

        (last,) = tf.while_loop(lambda at: data[at] > 0, next_block, [tf.minimum(start, size)])
        return tf.minimum(last + 1, size)

    start = tf.minimum(_HEADER + _table_size(data[_FLAGS]), size)
    (start,) = tf.while_loop(
        lambda at: data[at] == _EXTENSION, lambda at: (after_blocks(at + 2),), [start], name="extensions"
    )
    descriptor = data[start : start + _DESCRIPTOR]
    frame = descriptor[1:9:2] + 256 * descriptor[2:9:2]
    # One byte more is the size of the codes that the blocks are made of.
    end = after_blocks(start + _DESCRIPTOR + _table_size(descriptor[9]) + 1)
    cut_off = tf.strings.join([tf.strings.substr(contents, 0, end), _TRAILER])
    return cut_off, tf.where(descriptor[0] == _IMAGE, frame, 0)


def _table_size(flags: tf.Tensor) -> tf.Tensor:
    """Bytes of the table of colours that flags announce."""
    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags % 8), 0)
