"""Scores with their intervals."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure

from evaluate.figures.style import COLORS, MARKERS, WIDTH, escaped_name, new_figure, shortened, tidy
from evaluate.metrics.registry import title

_MAX_NAME_LENGTH = 60
_ROW_HEIGHT = 0.42


def draw_scores(rows: Mapping[str, tuple[float, float, float]], metric: str) -> Figure:
    """A mark for each score with a bar for its interval, in percent, under its name.

    Args:
      rows: by name, the score and its interval's low and high end.
      metric: its name.
    """
    figure = new_figure(WIDTH, 0.8 + _ROW_HEIGHT * len(rows))
    axes = figure.subplots()
    for place, (name, (score, low, high)) in enumerate(rows.items()):
        style = {"color": COLORS[place % len(COLORS)]}
        axes.plot([100 * low, 100 * high], [place, place], lw=2, solid_capstyle="butt", **style)
        axes.plot([100 * score], [place], marker=MARKERS[place % len(MARKERS)], ms=7, mec="white", **style)
        text = escaped_name(shortened(name, _MAX_NAME_LENGTH))
        axes.text(0.01, place - 0.42, text, transform=axes.get_yaxis_transform(), fontsize=8, va="center")
    axes.set(yticks=[], ylim=(len(rows) - 0.5, -0.8), xlabel=f"{title(metric)}, %")
    tidy(axes)
    return figure
