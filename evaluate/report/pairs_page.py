"""A page that shows pairs of image files beside each other."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Sequence
from typing import NamedTuple

from evaluate.file_thumbnails import file_thumbnail
from evaluate.report.templates import render_template

_THUMBNAIL = 240
_MOST_SHOWN = 300


class Pair(NamedTuple):
    """Two image files that are alike: in which way, and the Euclidean distance of their embeddings."""

    kind: str
    first: str
    second: str
    distance: float


def render_pairs(pairs: Sequence[Pair], images: str, num_images: int) -> str:
    """The page.

    Args:
      pairs: the most alike first; 300 of them are shown.
      images: the directory or pattern that they are from.
      num_images: how many images there are.
    """
    top = os.path.abspath(images) if os.path.isdir(images) else os.curdir
    return render_template(
        "pairs.html",
        {"thumbnail": _thumbnail, "thousands": "{:,}".format, "shown": lambda file: _printable(file, top)},
        pairs=pairs[:_MOST_SHOWN],
        num_pairs=len(pairs),
        images=images,
        num_images=num_images,
    )


def _printable(file: str, top: str) -> str:
    return os.fsencode(os.path.relpath(file, top)).decode("utf-8", "backslashreplace")


def _thumbnail(file: str) -> str:
    """A small JPEG as a data URI."""
    buffer = io.BytesIO()
    file_thumbnail(file, _THUMBNAIL).save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
