"""Validation curves of the study."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from evaluate.figures.style import COLORS, HEIGHT, WIDTH, legend_below, new_figure, tidy


def draw_validation(curves: Mapping[str, Mapping[str, np.ndarray]]) -> Figure:
    """Validation MAP@R by epoch, a panel for each data set: the mean over seeds, and their range as a band.

    Args:
      curves: by data set and row, [seeds, epochs] in percent.
    """
    rows = list(dict.fromkeys(row for shown in curves.values() for row in shown))
    colors = {row: COLORS[place % len(COLORS)] for place, row in enumerate(rows)}
    figure = new_figure(WIDTH * len(curves), HEIGHT)
    lines = {}
    for axes, (dataset, shown) in zip(figure.subplots(1, len(curves), squeeze=False)[0], curves.items()):
        for row, values in shown.items():
            epochs = np.arange(1, values.shape[1] + 1)
            (lines[row],) = axes.plot(epochs, values.mean(axis=0), color=colors[row], label=row)
            axes.fill_between(epochs, values.min(axis=0), values.max(axis=0), color=colors[row], alpha=0.15, lw=0)
        axes.set(title=dataset, xlabel="epoch", ylabel="validation MAP@R")
        axes.xaxis.get_major_locator().set_params(integer=True)
        tidy(axes)
    legend_below(figure, list(lines.values()))
    return figure
