"""Covering radii of classes and distances between them, from projection to projection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluate.figures.style import COLORS, MARKERS, escaped_name, new_figure, tidy


def draw_radii(measured: Sequence[Mapping[str, Any]]) -> Figure:
    """Mean covering radius at each projection, by the proxies before it, by those after it, and by as many centres.

    Args:
      measured: as by ``geometry_by_projection``.
    """
    return _over_projections(measured, _radii(measured), "covering radius, mean over classes")


def draw_class_distances(measured: Sequence[Mapping[str, Any]]) -> Figure:
    """Distances between class means at each projection; ``measured`` as by ``geometry_by_projection``."""
    # None, for a single class, is not drawn.
    series = {
        "mean over pairs of classes": ("o-", [row["class_distance_mean"] for row in measured]),
        "nearest pair of classes": ("s-", [row["class_distance_min"] for row in measured]),
    }
    return _over_projections(measured, series, "distance between class means")


def draw_relative_radii(measured: Sequence[Mapping[str, Any]]) -> Figure:
    """The radii of ``draw_radii`` over the mean distance between class means.

    Where the embedding as a whole shrinks or grows, so do radii and distances, and their ratio stays.

    Args:
      measured: as by ``geometry_by_projection``.
    """
    # None for a single class, 0 where all classes are at one place.
    distances = np.array([row["class_distance_mean"] or np.nan for row in measured], float)
    series = {name: (style, np.array(values, float) / distances) for name, (style, values) in _radii(measured).items()}
    return _over_projections(measured, series, "covering radius / mean class distance")


def draw_radii_by_centers(radii: Mapping[str, Sequence[float]]) -> Figure:
    """Mean covering radius by the number of centres, from 1; one line per set of examples."""
    figure = new_figure()
    axes = figure.subplots()
    for index, (name, values) in enumerate(radii.items()):
        color, marker = COLORS[index % len(COLORS)], MARKERS[index % len(MARKERS)]
        axes.plot(range(1, len(values) + 1), values, marker=marker, color=color, label=escaped_name(name))
    axes.set(xlabel="centres per class", ylabel="covering radius, mean over classes")
    _finish(axes)
    return figure


def _radii(measured: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, list[float | None]]]:
    """Line style and values by name; there are no proxies before the initialisation."""
    centers = len(measured[0]["radius_by_centers"])
    return {
        "by the proxies before": ("s-", [row["radius_by_previous_proxies"] for row in measured]),
        "by the new proxies": ("o-", [row["radius_by_proxies"] for row in measured]),
        f"by {centers} of its examples": ("^--", [row["radius_by_centers"][-1] for row in measured]),
    }


def _over_projections(
    measured: Sequence[Mapping[str, Any]], series: Mapping[str, tuple[str, Sequence[float | None]]], label: str
) -> Figure:
    index = [row["projection"] for row in measured]
    figure = new_figure()
    axes = figure.subplots()
    for color, (name, (style, values)) in zip(COLORS, series.items()):
        axes.plot(index, np.array(values, float), style, color=color, mfc="white", label=name)
    axes.set(xlabel="projection (0: initialisation)", ylabel=label)
    _finish(axes)
    margin = max(0.3, 0.02 * max(index))  # Half a mark's width among many projections.
    axes.set_xlim(-margin, max(index) + margin)
    return figure


def _finish(axes: Axes) -> None:
    """Lets the axis begin at 0, with the margin of the whole range: that of the values could cut the highest marks."""
    axes.update_datalim([(axes.dataLim.x0, 0.0)])
    axes.autoscale_view()
    axes.set_ylim(0, None)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    tidy(axes)
