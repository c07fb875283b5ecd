"""Queries with their nearest references."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from evaluate.figures.style import RIGHT, WIDTH, WRONG, escaped_name, shortened

# Inches: of a row's title, around all, between the query and what it finds.
_TITLE, _MARGIN, _GAP = 0.24, 0.05, 0.18
_RIGHT, _WRONG, _NEITHER = (RIGHT, "-", "✓"), (WRONG, "--", "✗"), ("#888888", "-", "")
_MAX_TITLE_LENGTH = 62


class RetrievalRow(NamedTuple):
    """A query with its nearest references.

    Attributes:
      title: shown above it.
      query: the query's index.
      found: [count] the indices of the nearest references, nearest first.
      right: [count] whether each is of the query's class; None where that is not known.
    """

    title: str
    query: int
    found: np.ndarray
    right: np.ndarray | None


def draw_retrievals(rows: Sequence[RetrievalRow], thumbnail: Callable[[int], np.ndarray]) -> Figure:
    """A row per query: the query, then its nearest references.

    References of the query's class have a blue frame with a ✓, others a dashed orange one with a ✗.

    Args:
      rows: at least one.
      thumbnail: the [height, width, 3] uint8 pixels of an example.
    """
    columns = 1 + max(len(row.found) for row in rows)
    cell = (WIDTH - 2 * _MARGIN - _GAP) / columns
    height = len(rows) * (cell + _TITLE) + _MARGIN
    figure = Figure(figsize=(WIDTH, height))
    # One set of axes in inches for all pictures; one for each would take ten times as long to draw.
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0), autoscale_on=False)
    axes.set_axis_off()
    for number, row in enumerate(rows):
        top = number * (cell + _TITLE)
        title = escaped_name(shortened(row.title, _MAX_TITLE_LENGTH))
        axes.text(_MARGIN, top + 0.6 * _TITLE, title, fontsize=8.5, va="center")
        _draw_cell(axes, (_MARGIN, top + _TITLE), cell, thumbnail(row.query), *_NEITHER)
        frames = [_NEITHER] * len(row.found) if row.right is None else [_RIGHT if r else _WRONG for r in row.right]
        for column, (index, frame) in enumerate(zip(row.found, frames), start=1):
            corner = (_MARGIN + _GAP + column * cell, top + _TITLE)
            _draw_cell(axes, corner, cell, thumbnail(int(index)), *frame)
    return figure


def _draw_cell(
    axes: Axes, corner: tuple[float, float], cell: float, pixels: np.ndarray, color: str, style: str, mark: str
) -> None:
    """A picture with its frame and its mark, the cell's upper left ``corner`` given."""
    left, top, side = corner[0] + 0.04 * cell, corner[1] + 0.02 * cell, 0.92 * cell
    height, width = (side * length / max(pixels.shape[:2]) for length in pixels.shape[:2])
    left_in, top_in = left + (side - width) / 2, top + (side - height) / 2
    axes.imshow(pixels, extent=(left_in, left_in + width, top_in + height, top_in), aspect="auto", origin="upper")
    axes.add_patch(Rectangle((left, top), side, side, fill=False, edgecolor=color, linestyle=style, linewidth=2.4))
    if mark:
        box = {"boxstyle": "square,pad=0.12", "facecolor": color, "edgecolor": "none"}
        at = (left + 0.96 * side, top + 0.05 * side)
        axes.text(*at, mark, color="white", fontsize=7, ha="right", va="top", bbox=box, zorder=5)
