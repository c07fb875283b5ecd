"""Radii and distances of classes: what CCP is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from evaluate.figures.style import COLORS, MARKERS, as_it_is, new_figure, tidy
from evaluate.projection_records import geometry_by_projection, radii_by_projection


def draw_radii(projections: Sequence[Mapping[str, np.ndarray]]) -> Figure:
    """Mean covering radius at each projection, by the proxies before it, by those after it, and by as many centres."""
    radii, measured = radii_by_projection(projections), geometry_by_projection(projections)
    centers = len(measured[0]["radius_by_centers"])
    return _over_projections(
        [at["projection"] for at in radii],
        {
            "by the proxies before": ("s-", [at["before"] for at in radii]),
            "by the new proxies": ("o-", [at["after"] for at in radii]),
            f"by {centers} of its own examples": ("^--", [at["radius_by_centers"][-1] for at in measured]),
        },
        "covering radius, mean over classes",
    )


def draw_class_distances(measured: Sequence[Mapping[str, Any]]) -> Figure:
    """Distances between class means at each projection; ``measured`` as by ``geometry_by_projection``."""
    # None, of a single class, is drawn as nothing.
    series = {
        "mean over pairs of classes": ("o-", [at["class_distance_mean"] for at in measured]),
        "nearest pair of classes": ("s-", [at["class_distance_min"] for at in measured]),
    }
    return _over_projections([at["projection"] for at in measured], series, "distance between class means")


def draw_radii_by_centers(radii: Mapping[str, Sequence[float]]) -> Figure:
    """Mean covering radius by the number of centres, from 1; one line per set of examples."""
    figure = new_figure()
    axes = figure.subplots()
    for index, (name, values) in enumerate(radii.items()):
        color, marker = COLORS[index % len(COLORS)], MARKERS[index % len(MARKERS)]
        axes.plot(range(1, len(values) + 1), values, marker=marker, color=color, label=as_it_is(name))
    axes.set(xlabel="centres per class", ylabel="covering radius, mean over classes", ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    tidy(axes)
    return figure


def _over_projections(index: Sequence[int], series: Mapping[str, tuple[str, Sequence[float | None]]], label: str):
    figure = new_figure()
    axes = figure.subplots()
    for color, (name, (style, values)) in zip(COLORS, series.items()):
        axes.plot(index, np.array(values, float), style, color=color, mfc="white", label=name)
    axes.set(xlabel="projection (0: initialisation)", ylabel=label, ylim=(0, None))
    axes.set_xlim(-0.3, max(index) + 0.3)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    tidy(axes)
    return figure
