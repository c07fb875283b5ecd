"""The embedding at each projection, as in the paper's Figure 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ccp.wording import counted
from evaluate.figures.plane import Plane, principal_plane
from evaluate.figures.style import COLORS, GREY, WIDTH, escaped_name, legend_below, new_figure, shortened

_PANEL_WIDTH = 2.4
_MAX_NAME_LENGTH = 40


def draw_projections(
    projections: Sequence[Mapping[str, np.ndarray]],
    class_names: Sequence[str] | None = None,
    most_columns: int = 5,
    most_panels: int = 12,
) -> Figure:
    """The paper's Figure 1: the embedding in 2-D, proxies as boxes and the next ones as circles.

    One panel per projection, all in the two principal components of the last one's embedding. Of more than
    ``most_panels`` projections that many are shown, evenly spaced; of more than 8 classes that have examples, the first
    8 have a colour.

    Args:
      projections: records of them, at least one: ``index``, ``embeddings`` [num, embedding_size], ``labels`` [num],
        ``proxies`` and, after the initialisation, ``previous_proxies`` [num_classes, proxies_per_class,
        embedding_size], and maybe ``class_names``.
      class_names: by label; None takes those of the records, or numbers the classes.
      most_columns: panels in a row.
      most_panels: panels in all.
    """
    if len(projections) > most_panels:
        projections = [projections[i] for i in np.linspace(0, len(projections) - 1, most_panels).round().astype(int)]
    rows = -(-len(projections) // most_columns)
    columns = -(-len(projections) // rows)
    figure = new_figure(max(_PANEL_WIDTH * columns, WIDTH), 1.05 * _PANEL_WIDTH * rows)
    panels = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for panel in panels[len(projections) :]:
        panel.set_visible(False)
    present = np.unique(np.concatenate([record["labels"] for record in projections]))
    shown = present[: len(COLORS)]
    plane = principal_plane(projections[-1]["embeddings"])
    for panel, record in zip(panels, projections):
        _draw_panel(panel, record, plane, shown)
    if class_names is None:
        class_names = projections[-1].get("class_names")
    legend_below(figure, _legend(shown, len(present) - len(shown), class_names))
    return figure


def _draw_panel(panel: Axes, record: Mapping[str, np.ndarray], plane: Plane, shown: np.ndarray) -> None:
    points = plane.flat(record["embeddings"])
    others = ~np.isin(record["labels"], shown)
    if others.any():
        panel.scatter(*points[others].T, s=7, color=GREY, alpha=0.35, lw=0, zorder=1)
    for label, color in zip(shown, COLORS):
        panel.scatter(*points[record["labels"] == label].T, s=7, color=color, alpha=0.35, lw=0, zorder=2)
        if "previous_proxies" in record:
            boxes = plane.flat(record["previous_proxies"][label])
            panel.scatter(*boxes.T, s=58, marker="s", color=color, edgecolors="black", linewidths=1.0, zorder=4)
        circles = plane.flat(record["proxies"][label])
        panel.scatter(*circles.T, s=62, marker="o", facecolors="white", edgecolors=color, linewidths=2.0, zorder=5)
    index = int(record["index"])
    panel.set_title("initialisation" if index == 0 else f"projection {index}", fontsize=10)
    panel.set(xticks=[], yticks=[])
    panel.set_aspect("equal", "datalim")


def _legend(shown: np.ndarray, num_others: int, class_names: Sequence[str] | None) -> list[Line2D]:
    names = [class_names[label] if class_names is not None else f"class {label}" for label in shown]
    handles = [
        Line2D([], [], ls="", marker="o", ms=5, color=color, label=escaped_name(shortened(name, _MAX_NAME_LENGTH)))
        for color, name in zip(COLORS, names)
    ]
    if num_others:
        handles.append(Line2D([], [], ls="", marker="o", ms=5, color=GREY, label=counted(num_others, "other class")))
    box = Line2D([], [], ls="", marker="s", ms=8, color="grey", mec="black", label="proxies")
    circle = Line2D([], [], ls="", marker="o", ms=8, mfc="white", mec="grey", mew=2, label="next proxies")
    return [*handles, box, circle]
