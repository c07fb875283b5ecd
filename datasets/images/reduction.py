"""Large image files made smaller, once."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from datasets.images.pillow import FORMATS, check_size, rgb

_QUALITY = 95
_EXIF_ORIENTATION = 0x0112
_DRAFTS = (8, 4, 2, 1)


def reduced(data: bytes, box: np.ndarray | None, needed: int) -> bytes | None:
    """An image file, or what a box shows of it, at 1/2, 1/4, 1/8 … of its size, and upright.

    It becomes as small as it can with a shorter side of ``needed`` pixels or more, hence of less than twice as many.
    JPEG files are decoded at the lower resolution as far as that goes, and encoded at quality 95; others become PNG.

    Args:
      data: the file's bytes.
      box: [4] left, top, right, bottom in the upright image; None for all of it.
      needed: pixels of the shorter side.

    Returns:
      The bytes of a JPEG or PNG file; None if the image is too small to be reduced, or cannot be read.
    """
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            check_size(image)
            return _reduced(image, box, needed)
    except Exception:  # Whatever damage leads to; who reads the original will see it.
        return None


def _reduced(image: Image.Image, box: np.ndarray | None, needed: int) -> bytes | None:
    width, height = image.size
    if image.getexif().get(_EXIF_ORIENTATION, 1) > 4:
        width, height = height, width
    left, top, right, bottom = (0, 0, width, height) if box is None else box.tolist()
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    factor = 1
    while min(right - left, bottom - top) // (2 * factor) >= needed:
        factor *= 2
    if factor == 1:
        return None
    is_jpeg, stored = image.format in ("JPEG", "MPO"), image.size
    if is_jpeg:
        image.draft(image.mode, (stored[0] // factor, stored[1] // factor))
    draft = next(ratio for ratio in _DRAFTS if -(-stored[0] // ratio) == image.size[0])
    upright = Image.fromarray(rgb(ImageOps.exif_transpose(image)))
    upright = upright.crop((left // draft, top // draft, -(-right // draft), -(-bottom // draft)))
    small = upright.reduce(factor // draft)
    file = io.BytesIO()
    if is_jpeg:
        small.save(file, "JPEG", quality=_QUALITY)
    else:
        small.save(file, "PNG")
    return file.getvalue()
