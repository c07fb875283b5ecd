"""Why an image file cannot be read, in a sentence, in a graph without Python."""

from __future__ import annotations

import tensorflow as tf

from datasets.images import gif, headers
from models.serving.attempts import attempted
from models.serving.png_text import MAX_TEXTS, has_few_texts

_NAMES = ("JPEG", "PNG", "GIF", "BMP")
_SIZE = f"The image should have from 1 to {headers.MAX_PIXELS:,} pixels; by its header, height and width are "


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
def reasons(files: tf.Tensor) -> tf.Tensor:
    """What is wrong with files that could not be read, as their headers tell.

    Args:
      files: [number] string, their bytes.

    Returns:
      [number] string.
    """
    jpeg_size = tf.TensorSpec([2], tf.int64)
    sizes, has_size = attempted(_jpeg_size, files, jpeg_size)
    return tf.map_fn(lambda file: _reason(*file), (files, sizes, has_size), fn_output_signature=tf.string)


def _jpeg_size(contents: tf.Tensor) -> tf.Tensor:
    # The JPEG library writes a line to the standard error for every file that is none.
    return tf.cond(
        headers.format_of(headers.head_of(contents)) == headers.JPEG,
        lambda: tf.cast(tf.image.extract_jpeg_shape(contents)[:2], tf.int64),
        lambda: tf.zeros([2], tf.int64),
    )


def _reason(contents: tf.Tensor, jpeg_size: tf.Tensor, has_jpeg_size: tf.Tensor) -> tf.Tensor:
    head = headers.head_of(contents)
    kind = headers.format_of(head)
    sizes = tf.stack([jpeg_size, headers.png_size(head), headers.gif_size(head), headers.bmp_size(head), [0, 0]])
    size = sizes[kind]
    num_pixels = tf.reduce_prod(size)
    _, frame = gif.first_frame(contents)
    whole_frame = tf.reduce_all(tf.cast(frame, tf.int64) == tf.concat([[0, 0], size[::-1]], 0))
    # The first that holds.
    faults = (
        (kind == headers.UNKNOWN, "The file is no JPEG, PNG, GIF or BMP image"),
        ((kind == headers.JPEG) & ~has_jpeg_size, "The JPEG image is damaged or cut off"),
        (
            (num_pixels <= 0) | (num_pixels > headers.MAX_PIXELS),
            tf.strings.join([_SIZE, tf.strings.reduce_join(tf.strings.as_string(size), separator=" × ")]),
        ),
        (
            ~has_few_texts(contents),
            f"The PNG image has more than {MAX_TEXTS} compressed or international texts; save it without them",
        ),
        ((kind == headers.GIF) & ~whole_frame, "The first frame of the GIF image is not all of the image, or damaged"),
        (
            (kind == headers.BMP) & ~headers.has_bmp_colours(head),
            "The BMP image is compressed or has a palette; send it as a PNG or JPEG image",
        ),
    )
    said = tf.strings.join(["The ", tf.constant([*_NAMES, ""])[kind], " image is damaged or cut off"])
    for holds, sentence in reversed(faults):
        said = tf.where(holds, sentence, said)
    return said
