"""The first frame of a GIF file, for TensorFlow's decoder, which reads all frames into memory before it gives one."""

from __future__ import annotations

import tensorflow as tf

from datasets.images.refusal import refuse_unless

# Blocks of one length are gone through so many at a time.
_RUN = 256
# Each takes some 10 µs. Programs write a few blocks before the first frame, and those of a frame of one length but for
# the last: the largest image has 2,500 runs.
MAX_RUNS = 10_000
TOO_MANY = (
    f"The GIF image has too many extensions or uneven blocks (more than {MAX_RUNS:,}) before its first frame ends; "
    "save it anew"
)

_HEADER = 13
_DESCRIPTOR = 10
_FLAGS = 10
_EXTENSION, _IMAGE = 0x21, 0x2C
_TRAILER = b";"


def first_frame(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Cuts a GIF file off after its first frame.

    Returns:
      The file, [] string, and left, top, width and height of the frame on the canvas, [4] int32; zeros if there is
      none.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: there are more than ``MAX_RUNS`` extensions and runs of blocks.
    """
    end, frame, found = find_first_frame(contents)
    with tf.control_dependencies(refuse_unless(found, [TOO_MANY])):
        return tf.strings.join([tf.strings.substr(contents, 0, end), _TRAILER]), tf.identity(frame)


def find_first_frame(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Where the first frame ends.

    Whatever the bytes, this ends soon, and does not fail: after a file's end it goes on as if there were zeros, which
    end what is gone through.

    Returns:
      The [] int32 position after it; left, top, width and height of the frame, [4] int32, zeros if there is none; and
      [] bool, false if there was more to go through than ``MAX_RUNS``.
    """
    size = tf.strings.length(contents)
    data = tf.concat([tf.io.decode_raw(contents, tf.uint8), tf.zeros([_HEADER + _DESCRIPTOR], tf.uint8)], 0)

    def byte(at: tf.Tensor) -> tf.Tensor:
        return tf.cast(data[at], tf.int32)

    def after_blocks(start: tf.Tensor, runs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Blocks are preceded by their lengths; the one of length 0 is the last."""

        def next_run(at: tf.Tensor, runs: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            stride = 1 + byte(at)
            alike = data[at : at + _RUN * stride : stride] == data[at]
            # All that were looked at, if none differs.
            num_alike = tf.argmin(tf.concat([alike, [False]], 0), output_type=tf.int32)
            return tf.minimum(at + num_alike * stride, size), runs + 1

        last, runs = tf.while_loop(
            lambda at, runs: (byte(at) > 0) & (runs <= MAX_RUNS), next_run, [tf.minimum(start, size), runs]
        )
        return tf.minimum(last + 1, size), runs

    start = tf.minimum(_HEADER + _table_size(byte(_FLAGS)), size)
    start, runs = tf.while_loop(
        lambda at, runs: (byte(at) == _EXTENSION) & (runs <= MAX_RUNS),
        lambda at, runs: after_blocks(at + 2, runs + 1),
        [start, 0],
        name="extensions",
    )
    descriptor = tf.cast(data[start : start + _DESCRIPTOR], tf.int32)
    frame = descriptor[1:9:2] + 256 * descriptor[2:9:2]
    # One byte more is the size of the codes that the blocks are made of.
    end, runs = after_blocks(start + _DESCRIPTOR + _table_size(descriptor[9]) + 1, runs)
    return end, tf.where(descriptor[0] == _IMAGE, frame, 0), runs <= MAX_RUNS


def _table_size(flags: tf.Tensor) -> tf.Tensor:
    """Bytes of the table of colours that flags announce."""
    return tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags % 8), 0)
