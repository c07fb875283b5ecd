"""Queries with their nearest references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from evaluate.figures.style import RIGHT, WIDTH, WRONG, escaped_name, shortened

# Inches: of a row's title, around all, between the query and what it finds, of a line of a caption.
_TITLE, _MARGIN, _GAP, _LINE = 0.24, 0.05, 0.18, 0.112
_RIGHT, _WRONG, _NEITHER = (RIGHT, "-", "✓"), (WRONG, "--", "✗"), ("#888888", "-", "")
_CAPTION_SIZE = 6.5
# Characters in an inch, of titles and of captions: those of a sans-serif font are about half as wide as high.
_TITLE_CHARACTERS, _CAPTION_CHARACTERS = 13.5, 16.5


class RetrievalRow(NamedTuple):
    """A query with its nearest references.

    Attributes:
      title: shown above it.
      query: the query's index.
      found: [count] the indices of the nearest references, nearest first.
      right: [count] whether each is of the query's class, None where that is not known; or None for all.
      captions: [count] lines to show below each; empty for none.
    """

    title: str
    query: int
    found: np.ndarray
    right: Sequence[bool | None] | None
    captions: Sequence[Sequence[str]] = ()


class _Canvas(NamedTuple):
    """Axes in inches, and the side of a cell."""

    axes: Axes
    cell: float


def draw_retrievals(
    rows: Sequence[RetrievalRow],
    thumbnail: Callable[[int], np.ndarray],
    width: float = WIDTH,
    most_columns: int | None = None,
) -> Figure:
    """For each query a row, or several below each other: the query, then its nearest references.

    References of the query's class have a blue frame with a ✓, others a dashed orange one with a ✗.

    Args:
      rows: at least one.
      thumbnail: the [height, width, 3] uint8 pixels of an example.
      width: inches.
      most_columns: references beside each other, if there are as many; None for all in one line.
    """
    longest = max(len(row.found) for row in rows)
    columns = min(longest, most_columns or longest)
    cell = (width - 2 * _MARGIN - _GAP) / (1 + columns)
    caption = max((_LINE * len(lines) for row in rows for lines in row.captions), default=0.0)
    heights = [_TITLE + -(-len(row.found) // columns) * (cell + caption) for row in rows]
    height = sum(heights) + _MARGIN
    figure = Figure(figsize=(width, height))
    # One set of axes in inches for all pictures; one for each would take ten times as long to draw.
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    canvas = _Canvas(axes, cell)
    for number, row in enumerate(rows):
        top = sum(heights[:number])
        title = escaped_name(shortened(row.title, int(_TITLE_CHARACTERS * width)))
        axes.text(_MARGIN, top + 0.6 * _TITLE, title, fontsize=8.5, va="center")
        _draw_cell(canvas, (_MARGIN, top + _TITLE), thumbnail(row.query), *_NEITHER)
        for place, index in enumerate(row.found):
            line, column = divmod(place, columns)
            corner = (_MARGIN + _GAP + (1 + column) * cell, top + _TITLE + line * (cell + caption))
            right = None if row.right is None else row.right[place]
            _draw_cell(
                canvas, corner, thumbnail(int(index)), *(_NEITHER if right is None else _RIGHT if right else _WRONG)
            )
            if row.captions:
                _draw_caption(canvas, corner, row.captions[place])
    return figure


def _draw_cell(
    canvas: _Canvas, corner: tuple[float, float], pixels: np.ndarray, color: str, style: str, mark: str
) -> None:
    """A picture with its frame and its mark, the cell's upper left ``corner`` given."""
    axes, cell = canvas
    left, top, side = corner[0] + 0.04 * cell, corner[1] + 0.02 * cell, 0.92 * cell
    height, width = (side * length / max(pixels.shape[:2]) for length in pixels.shape[:2])
    left_in, top_in = left + (side - width) / 2, top + (side - height) / 2
    axes.imshow(pixels, extent=(left_in, left_in + width, top_in + height, top_in), aspect="auto", origin="upper")
    axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=color, linestyle=style, linewidth=2.4))
    if mark:
        box = {"boxstyle": "square,pad=0.12", "facecolor": color, "edgecolor": "none"}
        at = (left + 0.96 * side, top + 0.05 * side)
        axes.text(*at, mark, color="white", fontsize=7, ha="right", va="top", bbox=box, zorder=5)


def _draw_caption(canvas: _Canvas, corner: tuple[float, float], lines: Sequence[str]) -> None:
    """Lines below a picture, each as long as the cell is wide."""
    axes, cell = canvas
    for number, line in enumerate(lines):
        text = escaped_name(shortened(line, max(1, int(_CAPTION_CHARACTERS * cell))))
        at = (corner[0] + 0.5 * cell, corner[1] + 0.97 * cell + (number + 0.5) * _LINE)
        axes.text(*at, text, fontsize=_CAPTION_SIZE, ha="center", va="center")
