"""Image files that TensorFlow cannot decode, or decodes wrongly, read by Pillow; for pipelines, not for export."""

from __future__ import annotations

import io
import warnings

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from datasets.images.headers import MAX_PIXELS
from datasets.manifest import DataError

# Formats of photographs, read by Pillow itself; others start programs, or are no pictures of pixels.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF")


@tf.function(input_signature=[tf.TensorSpec([], tf.string)])
def decode_with_pillow(contents: tf.Tensor) -> tf.Tensor:
    """An image file to [height, width, 3] uint8, as it is displayed; of several frames the first.

    It is a graph even when called eagerly, so that it fails with the same kind of error.

    Raises (as it is run):
      tf.errors.InvalidArgumentError: see ``rgb_from_bytes``.
    """
    pixels = tf.numpy_function(rgb_from_bytes, [contents], tf.uint8)
    return tf.ensure_shape(pixels, [None, None, 3])


def rgb_from_bytes(data: bytes) -> np.ndarray:
    """An image file to [height, width, 3] uint8, as it is displayed; of several frames the first.

    Transparency is dropped: the colours are those that the file holds. Of 16 bits the upper 8 are kept.

    Raises:
      DataError: it is in none of the formats above, has no pixels or more than ``MAX_PIXELS``, or is damaged.
    """
    # Once and for all, as catch_warnings is not made for threads; what matters in them is an error here.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_size(image)
            return rgb(ImageOps.exif_transpose(image))
    except DataError:
        raise
    except Image.DecompressionBombError as error:  # Raised before there is an image whose size can be checked.
        raise DataError(
            f"The image should have from 1 to {MAX_PIXELS:,} pixels; by its header it has far more"
        ) from error
    except Image.UnidentifiedImageError as error:
        raise DataError(f"The file is no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} image") from error
    # Pillow's readers raise whatever the damage leads to: OSError, SyntaxError, struct.error, IndexError and more.
    except Exception as error:
        what = str(error) or type(error).__name__
        raise DataError(f"The image is damaged, or of an unusual kind: {what}") from error


def check_size(image: Image.Image) -> None:
    """Raises a DataError if an image has no pixels or too many by its header; they are not loaded yet."""
    width, height = image.size
    if not 0 < width * height <= MAX_PIXELS:
        raise DataError(
            f"The image should have from 1 to {MAX_PIXELS:,} pixels; by its header, height and width are "
            f"[{height} {width}]"
        )


def rgb(image: Image.Image) -> np.ndarray:
    """The pixels of an image in colour, [height, width, 3] uint8; raises a DataError if they have no known range."""
    if image.mode in ("I", "F"):
        raise DataError(f"Pixels of 32 bits, as this image's ({image.mode}), have no known range; store 8 or 16 bits")
    if image.mode.startswith("I;16"):  # Pillow's own conversion would cut levels off at 255.
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., np.newaxis], 3, axis=-1)
    if image.mode in ("RGBa", "La"):  # Colours multiplied by their opacity; there is no direct way to RGB.
        image = image.convert(image.mode.upper())
    return np.array(image.convert("RGB"))
