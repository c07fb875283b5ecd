"""Curves of training, with projections marked."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluate.figures.style import COLORS, escaped_name, legend_below, new_figure, shortened, tidy
from evaluate.metrics.registry import title

_LINES = ("-", "--", "-.", ":")
_MAX_NAME_LENGTH = 48


def draw_curves(records: Mapping[str, Sequence[Mapping[str, Any]]], monitor: str) -> Figure:
    """Loss and validation score by training step, side by side, one line per run.

    Args:
      records: the lines of each run's ``metrics.jsonl``, by the name to show.
      monitor: the score.
    """
    figure = new_figure(9.0, 3.4)
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", monitor)):
        _draw(axes, records, quantity)
    return figure


def draw_curve(records: Mapping[str, Sequence[Mapping[str, Any]]], quantity: str) -> Figure:
    """One quantity of each epoch (``loss`` or a score) by training step, one line per run, their names below."""
    figure = new_figure()
    axes = figure.subplots()
    lines = _draw(axes, records, quantity)
    axes.get_legend().remove()
    if any(epoch["projected"] for epochs in records.values() for epoch in epochs):
        lines.append(Line2D([], [], ls="", marker="v", color="grey", ms=8, label="projection"))
    legend_below(figure, lines)
    return figure


def _draw(axes: Axes, records: Mapping[str, Sequence[Mapping[str, Any]]], quantity: str) -> list[Line2D]:
    """Draws and returns a line per run."""
    styles = itertools.cycle(itertools.product(_LINES, COLORS))
    drawn = []
    for (line_style, color), (name, epochs) in zip(styles, records.items()):
        name = shortened(name, _MAX_NAME_LENGTH)
        steps, values = [epoch["step"] for epoch in epochs], [epoch[quantity] for epoch in epochs]
        marker = "." if len(epochs) == 1 else ""  # One epoch makes no line.
        drawn += axes.plot(steps, values, ls=line_style, marker=marker, color=color, label=escaped_name(name))
        projected = [(step, value) for step, value, epoch in zip(steps, values, epochs) if epoch["projected"]]
        if projected:
            label = escaped_name(f"{name}: projection")
            axes.plot(*zip(*projected), "v", color=color, mec="white", ms=8, label=label)
    label = "training loss" if quantity == "loss" else f"validation {title(quantity)}"
    axes.set(xlabel="training step", ylabel=label)
    axes.legend(frameon=False)
    tidy(axes)
    return drawn
