"""Figures inside the page, and as files beside it."""

from __future__ import annotations

import base64
import io
import pathlib

from PIL import Image

from evaluate.figures import to_png
from experiments.report.markup import Markup, join, tag
from experiments.report.pictures import Picture


class InlinePictures:
    """Writes figures as PNG files, and gives them back as HTML that holds them.

    Args:
      folder: for the files.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder

    def __call__(self, picture: Picture, run: str | None = None, number: int | None = None) -> Markup:
        """The figure with its caption.

        Args:
          picture: to be shown.
          run: the name of the run it is of, where there are several; put before the caption.
          number: of that run; put before the file's name.
        """
        png = to_png(picture.figure)
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / f"{'' if number is None else f'run{number}_'}{picture.key}.png").write_bytes(png)
        small, (width, height) = _with_a_palette(png)
        source = f"data:image/png;base64,{base64.b64encode(small).decode()}"
        alt = picture.alt if run is None else f"{run}: {picture.alt}"
        caption = join([tag("strong", f"{run}. ") if run else None, picture.caption])
        image = tag("img", src=source, alt=alt, width=width, height=height)
        return tag("figure", image, tag("figcaption", caption))


def _with_a_palette(png: bytes) -> tuple[bytes, tuple[int, int]]:
    """The picture in 256 colours, a third of the size: many runs fit on a page that can be sent by mail."""
    # By coverage: shared out by frequency, the palette would lose the colour of a class with few points.
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue(), image.size
