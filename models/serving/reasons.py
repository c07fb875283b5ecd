"""Why an image file cannot be read, in a sentence, in a graph without Python."""

from __future__ import annotations

import tensorflow as tf

from datasets.images import headers, jpeg
from models.serving.attempts import attempted
from models.serving.png_text import MAX_TEXTS, has_few_texts

# By format, in the order of their numbers; the last is any other.
_NAMES = ("JPEG", "PNG", "")
# Of so many bytes, a header's size is made.
_HEADER_LENGTHS = (0, 24, 0)
_SIZE = f"The image should have from 1 to {headers.MAX_PIXELS:,} pixels; by its header, height and width are "


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)], autograph=False)
def reasons(files: tf.Tensor) -> tf.Tensor:
    """What is wrong with files that could not be read, as far as their headers tell.

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
    sizes = tf.stack([jpeg_size, headers.png_size(head), [0, 0]])
    size = sizes[kind]
    num_pixels = tf.reduce_prod(size)
    # The first that holds.
    faults = (
        (tf.strings.length(contents) == 0, "The file is empty"),
        (kind == headers.OTHER, "The file is no JPEG or PNG image"),
        (
            tf.strings.length(contents) < tf.constant(_HEADER_LENGTHS)[kind],
            tf.strings.join(["The header of the ", tf.constant(_NAMES)[kind], " image is cut off"]),
        ),
        ((kind == headers.JPEG) & ~has_jpeg_size, "The header of the JPEG image is damaged, cut off or of a rare kind"),
        (
            (num_pixels <= 0) | (num_pixels > headers.MAX_PIXELS),
            tf.strings.join([_SIZE, tf.strings.reduce_join(tf.strings.as_string(size), separator=" × ")]),
        ),
        (
            ~has_few_texts(contents),
            f"The PNG image has more than {MAX_TEXTS} compressed or international texts; save it without them",
        ),
    )
    # What else there may be, only its decoder could tell.
    said = tf.strings.join(
        ["The ", tf.constant(_NAMES)[kind], " image cannot be decoded; it may be damaged, cut off or of a rare kind"]
    )
    cut_off = (kind == headers.JPEG) & ~jpeg.is_ended(contents)
    said = tf.where(cut_off, "The JPEG image is cut off or damaged: it does not end as one", said)
    for holds, sentence in reversed(faults):
        said = tf.where(holds, sentence, said)
    return said
