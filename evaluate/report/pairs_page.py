"""A page that shows pairs of image files beside each other."""

from __future__ import annotations

import base64
import io
import os
import pathlib
from collections.abc import Sequence
from typing import NamedTuple

import jinja2
from PIL import Image, ImageOps

_FOLDER = pathlib.Path(__file__).parent
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
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    top = os.path.abspath(images) if os.path.isdir(images) else os.curdir
    environment.filters.update(thumbnail=_thumbnail, thousands="{:,}".format, shown=lambda f: _printable(f, top))
    return environment.get_template("pairs.html").render(
        pairs=pairs[:_MOST_SHOWN],
        num_pairs=len(pairs),
        images=images,
        num_images=num_images,
        style=(_FOLDER / "report.css").read_text(encoding="utf-8"),
    )


def _printable(file: str, top: str) -> str:
    return os.fsencode(os.path.relpath(file, top)).decode("utf-8", "backslashreplace")


def _thumbnail(file: str) -> str:
    """A small JPEG as a data URI."""
    with Image.open(file) as image:
        image = ImageOps.exif_transpose(image).convert("RGB")
        image.thumbnail((_THUMBNAIL, _THUMBNAIL))
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode()}"
