"""Curves of training, with projections marked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluate.figures.style import COLORS, HEIGHT, WIDTH, escaped_name, legend_below, new_figure, shortened, tidy
from evaluate.metrics.registry import title

_LINES = ("-", "--", "-.", ":")
_MAX_NAME_LENGTH = 48


def draw_curves(
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    quantities: Sequence[str],
    groups: Mapping[str, str] | None = None,
) -> Figure:
    """Quantities of each epoch by training step, side by side; one line per run, with a triangle at each projection.

    Args:
      records: the lines of each run's ``metrics.jsonl``, by its name.
      quantities: ``loss`` or scores.
      groups: by run's name, the name to show below; runs that share it have lines of one kind. None: their own names.
    """
    shown_names = dict.fromkeys((groups or {}).get(name, name) for name in records)
    kinds = dict(zip(shown_names, itertools.cycle(itertools.product(_LINES, COLORS))))
    figure = new_figure(WIDTH * len(quantities), HEIGHT)
    for axes, quantity in zip(figure.subplots(1, len(quantities), squeeze=False)[0], quantities):
        lines, marks = {}, []
        for name, epochs in records.items():
            shown_name = (groups or {}).get(name, name)
            line_style, color = kinds[shown_name]
            steps, values = [epoch["step"] for epoch in epochs], [epoch[quantity] for epoch in epochs]
            marker = "." if len(epochs) == 1 else ""  # One epoch makes no line.
            label = escaped_name(shortened(shown_name, _MAX_NAME_LENGTH))
            (lines[shown_name],) = axes.plot(steps, values, ls=line_style, marker=marker, color=color, label=label)
            projected = [point for *point, epoch in zip(steps, values, epochs) if epoch["projected"]]
            if projected:
                marks = axes.plot(*zip(*projected), "v", color=color, mec="white", ms=8)
        label = "training loss" if quantity == "loss" else f"validation {title(quantity)}"
        axes.set(xlabel="training step", ylabel=label)
        tidy(axes)
    handles = list(lines.values())
    if marks:
        handles.append(Line2D([], [], ls="", marker="v", color="grey", ms=8, label="projection"))
    legend_below(figure, handles)
    return figure
