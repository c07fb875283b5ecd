"""False non-match rates by false match rate."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluate.figures.style import COLORS, HEIGHT, MARKERS, WIDTH, legend_below, new_figure, tidy
from evaluate.verification.result import Verification

_LINES = ("-", "--", "-.", ":")
_ENOUGH = 1.05  # Above the largest share of 1, so that the curve's end is not cut.


def draw_roc(verifications: Mapping[str, Verification]) -> Figure:
    """The ROC of each set: genuine pairs that match, by impostor pairs that do, the latter in a logarithmic scale.

    Dots are the wanted false match rates, a ring is where both errors are equal; bands are 95% intervals by resampled
    classes. Where so few impostor pairs match that the rate means little, the line is pale.

    Args:
      verifications: by name, as ``test``.
    """
    figure = new_figure(WIDTH, HEIGHT)
    axes = figure.subplots()
    handles = []
    for (name, verification), color, style, marker in zip(verifications.items(), COLORS, _LINES, MARKERS):
        curve, lowest = verification.curve, verification.lowest_fmr
        sure = curve.fmr >= lowest
        # Both share a point, so that the line has no gap.
        unsure = ~sure | (np.arange(len(sure)) == np.argmax(sure))
        axes.plot(curve.fmr[unsure], 1 - curve.fnmr[unsure], color=color, ls=style, lw=1.2, alpha=0.35)
        handles += axes.plot(curve.fmr[sure], 1 - curve.fnmr[sure], color=color, ls=style, label=name)
        if curve.fnmr_interval is not None:
            low, high = 1 - curve.fnmr_interval[:, sure]
            axes.fill_between(curve.fmr[sure], low, high, color=color, alpha=0.15, lw=0)
        points = [(point.wanted_fmr, 1 - point.fnmr.value) for point in verification.at_fmr if point.fnmr]
        if points:
            axes.plot(*zip(*points), marker, color=color, ms=5)
        axes.plot(verification.eer, 1 - verification.eer, marker, color=color, mfc="white", ms=7)
    axes.set(xscale="log", xlabel="impostor pairs that match (FMR)", ylabel="genuine pairs that match", xlim=(None, 1))
    axes.set_ylim(0, _ENOUGH)
    handles.append(Line2D([], [], ls="", marker="o", color="grey", mfc="white", ms=7, label="both errors equal"))
    tidy(axes)
    legend_below(figure, handles)
    return figure
