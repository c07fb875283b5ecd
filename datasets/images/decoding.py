"""From the bytes of an image file to the pixels of a part of it, in TensorFlow operations."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from datasets.images import gif, headers, jpeg
from datasets.images.exif import UPRIGHT, orientation_of, stored_window, upright, upright_size
from datasets.images.headers import checked
from datasets.images.refusal import refuse_unless
from datasets.images.windows import Plan, Window, cut

# ITU-R 601, as Pillow's mode L; grey stays exactly what it is.
_LUMA = (0.299, 0.587, 0.114)

_DECODED = 0

# What TensorFlow puts around an error's message.
_PLACES = re.compile(r"\{\{.*?\}\}|\[Op:.*")
_ABOUT_PLACES = ("Graph execution error", "Detected at node", "File ", "<stack traces", "[[")
_PREFIXES = re.compile(r"^(assertion failed: |DataError: |jpeg::\w+ failed\. )")
_PARTS_OF_ASSERTIONS = re.compile(r"\[([A-Za-z][^\[\]]*)\]")

# From the bytes of an image file to [height, width, 3] uint8.
Decoder = Callable[[tf.Tensor], tf.Tensor]


def read_window(
    contents: tf.Tensor, plan: Plan, channels: int, others: Decoder | None = None, apart: bool = True
) -> tf.Tensor:
    """A part of an image file, as it is displayed: turned upright where its Exif data says so.

    The pixels are exactly those of the whole image, but of a JPEG file only the part is decoded. Transparency is
    dropped: the colours are those that the file holds. Of 16 bits the upper 8 are kept, of several frames the
    first. Nothing is decoded before the header has shown that the image is no larger than ``headers.MAX_PIXELS``.

    A file that is cut off is refused whatever the part. Damage further inside is noticed where the format has
    checksums (PNG), but in a JPEG file only if it makes no sense: it has none.

    Args:
      contents: [] string, the bytes of the file.
      plan: picks the part.
      channels: 1 for luma, or 3 for red, green and blue.
      others: decodes what is neither JPEG nor PNG. None, for a graph that runs no Python: BMP without a palette
        and GIF are decoded by TensorFlow, and the rest is refused.
      apart: keep what plain JPEG files do not need out of their way. A tenth faster for them; but of every file that
        is refused there, TensorFlow 2.15 keeps a kilobyte for good, too much where refusals go on for months.

    Returns:
      [rows, columns, channels] uint8.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: it is no image of these formats, damaged or too large; ``reason`` has a
        sentence about it.
    """
    head = headers.head_of(contents)

    def decode_part() -> tf.Tensor:
        size = _jpeg_size(contents)
        return jpeg.decode_window(contents, size, plan(size))

    def open_first() -> tf.Tensor:
        opened = _open(contents, head, others)
        return _read(contents, opened, plan(opened.size))

    # Most files by far are plain JPEG; they get by with few operations.
    is_plain = headers.is_plain_jpeg(head) & jpeg.is_ended(contents)
    pixels = tf.ensure_shape(
        tf.cond(is_plain, decode_part, _apart(open_first) if apart else open_first), [None, None, 3]
    )
    return pixels if channels == 3 else _luma(pixels)


def reason(error: tf.errors.OpError) -> str:
    """What is wrong with an image, in a line, without what TensorFlow says about where it found out."""
    lines = [_PLACES.sub("", line).strip() for line in error.message.splitlines()]
    said = [line for line in lines if line and not line.startswith(_ABOUT_PLACES)]
    if not said:
        return "not an image"
    return _PARTS_OF_ASSERTIONS.sub(r"\1", _PREFIXES.sub("", said[0])).rstrip(".")


class _Opened(NamedTuple):
    """An image of which the size is known, and perhaps no more.

    Attributes:
      size: [2] int32 height and width, as displayed.
      orientation: [] int32 of a JPEG file that is still to be decoded; ``_DECODED`` of any other.
      pixels: [height, width, 3] uint8 where decoded, as displayed; otherwise none.
    """

    size: tf.Tensor
    orientation: tf.Tensor
    pixels: tf.Tensor


def _apart(branch: Callable[[], tf.Tensor]) -> Callable[[], tf.Tensor]:
    """A branch that is kept out of the way until it is taken.

    TensorFlow flattens conditions, and goes through all operations of branches that are not taken, too: here they
    would cost a third of what decoding a photograph does.
    """
    if tf.executing_eagerly():
        return branch
    return tf.function(branch, autograph=False, experimental_attributes={"_noinline": True})


def _open(contents: tf.Tensor, head: tf.Tensor, others: Decoder | None) -> _Opened:
    other = None if others is None else (lambda: _decoded(others(contents)))
    return tf.switch_case(
        headers.format_of(head),
        {
            headers.JPEG: lambda: _open_jpeg(contents),
            headers.PNG: lambda: _open_png(contents, head),
            headers.GIF: other or (lambda: _open_gif(contents, head)),
            headers.BMP: other or (lambda: _open_bmp(contents, head)),
            headers.UNKNOWN: other or _refused,
        },
    )


def _jpeg_size(contents: tf.Tensor) -> tf.Tensor:
    return checked(tf.image.extract_jpeg_shape(contents)[:2])


def _open_jpeg(contents: tf.Tensor) -> _Opened:
    stored_size, orientation = _jpeg_size(contents), orientation_of(contents)

    def whole() -> _Opened:
        # A file that is cut off would be refused or not, depending on the part; decoding all of it shows it.
        with tf.control_dependencies([stored_size]):
            return _decoded(upright(jpeg.decode(contents), orientation))

    size = upright_size(stored_size, orientation)
    return tf.cond(jpeg.is_ended(contents), lambda: _not_yet_decoded(size, orientation), whole)


def _open_png(contents: tf.Tensor, head: tf.Tensor) -> _Opened:
    size = checked(headers.png_size(head))
    with tf.control_dependencies([size]):
        return _decoded(tf.io.decode_png(contents, channels=3))


def _open_gif(contents: tf.Tensor, head: tf.Tensor) -> _Opened:
    size = checked(headers.gif_size(head))
    file, frame = gif.first_frame(contents)
    fills = refuse_unless(
        tf.reduce_all(frame == tf.concat([[0, 0], size[::-1]], 0)),
        ["The first frame of the GIF image, of left, top, width and height", frame, "is not all of the image", size],
    )
    with tf.control_dependencies([size, *fills]):
        return _decoded(tf.io.decode_image(file, channels=3, expand_animations=False))


def _open_bmp(contents: tf.Tensor, head: tf.Tensor) -> _Opened:
    size = checked(headers.bmp_size(head))
    plain = refuse_unless(
        headers.has_bmp_colours(head), ["The BMP image is compressed or has a palette; send it as a PNG or JPEG image"]
    )
    with tf.control_dependencies([size, *plain]):
        # Without opacity, which files of 32 bits have.
        return _decoded(tf.io.decode_image(contents, expand_animations=False)[..., :3])


def _refused() -> _Opened:
    check = refuse_unless(tf.constant(False), ["The file is no JPEG, PNG, GIF or BMP image"])
    with tf.control_dependencies(check):
        return _decoded(tf.zeros([0, 0, 3], tf.uint8))


def _not_yet_decoded(size: tf.Tensor, orientation: tf.Tensor) -> _Opened:
    return _Opened(size, orientation, tf.zeros([0, 0, 3], tf.uint8))


def _decoded(pixels: tf.Tensor) -> _Opened:
    return _Opened(tf.shape(pixels)[:2], tf.constant(_DECODED), pixels)


def _read(contents: tf.Tensor, opened: _Opened, window: Window) -> tf.Tensor:
    def turned() -> tf.Tensor:
        stored_size = upright_size(opened.size, opened.orientation)
        stored = stored_window(window, opened.size, opened.orientation)
        return upright(jpeg.decode_window(contents, stored_size, stored), opened.orientation)

    return tf.switch_case(
        tf.minimum(opened.orientation, UPRIGHT + 1),
        {
            _DECODED: lambda: cut(opened.pixels, window),
            UPRIGHT: lambda: jpeg.decode_window(contents, opened.size, window),
            UPRIGHT + 1: turned,
        },
    )


def _luma(pixels: tf.Tensor) -> tf.Tensor:
    luma = tf.tensordot(tf.cast(pixels, tf.float32), tf.constant(_LUMA), 1)
    return tf.cast(tf.round(luma), tf.uint8)[..., tf.newaxis]
