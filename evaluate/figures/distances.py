"""Distances of pairs of one class and of two classes."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from evaluate.figures.style import RIGHT, WRONG, legend_below, new_figure, tidy

_BINS = 60


def draw_distances(positives: np.ndarray, negatives: np.ndarray) -> Figure:
    """Histograms of the Euclidean distances of positive and of negative pairs, each of area 1, and their medians."""
    figure = new_figure()
    axes = figure.subplots()
    largest = max(distances.max(initial=0.0) for distances in (positives, negatives))
    bins = np.linspace(0.0, largest or 1.0, _BINS + 1)
    kinds = (("one class", positives, RIGHT, None), ("two classes", negatives, WRONG, "////"))
    for name, distances, color, hatch in kinds:
        if not len(distances):
            continue
        label = f"{name}, median {np.median(distances):.2f}"
        counts, _ = np.histogram(distances, bins)
        heights = counts / (counts.sum() * (bins[1] - bins[0]))
        style = {"facecolor": f"{color}55", "edgecolor": color, "hatch": hatch, "lw": 1.4}
        axes.stairs(heights, bins, fill=True, label=label, **style)
        axes.axvline(np.median(distances), color=color, ls="--" if hatch else "-", lw=1.2)
    axes.set(xlabel="Euclidean distance of a pair", ylabel="density", xlim=(0, None))
    tidy(axes)
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        legend_below(figure, handles)
    return figure
