"""The paper's Figure 1: the embedding at each projection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA

from evaluate.figures.style import COLORS, GREY, WIDTH, as_it_is, legend_below, new_figure, shortened

_PANEL_WIDTH = 2.4
_LONGEST_NAME = 40


def draw_projections(
    projections: Sequence[Mapping[str, np.ndarray]],
    class_names: Sequence[str] | None = None,
    most_columns: int = 5,
    most_panels: int = 12,
) -> Figure:
    """The paper's Figure 1: the embedding in 2-D, proxies as boxes and the next ones as circles.

    One panel per projection, each in the two principal components of its own embedding, turned so that the
    classes lie as they did in the panel before. Of more than ``most_panels`` projections that many are shown, evenly
    spaced; of more than 8 classes, 8 have a colour.

    Args:
      projections: as ``read_projections`` returns them, at least one.
      class_names: by label; None numbers them.
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
    plane = None
    for panel, at in zip(panels, projections):
        plane = _plane(at, plane)
        _draw_panel(panel, at, plane)
    legend_below(figure, _legend(projections[0]["proxies"].shape[0], class_names))
    return figure


class _Plane(NamedTuple):
    """A 2-D view: centre [embedding_size] and axes [embedding_size, 2]; and the class means in it [classes, 2]."""

    center: np.ndarray
    axes: np.ndarray
    class_means: np.ndarray

    def of(self, points: np.ndarray) -> np.ndarray:
        """Points [num, embedding_size] in the plane, [num, 2]."""
        return (points - self.center) @ self.axes


def _plane(at: Mapping[str, np.ndarray], previous: _Plane | None) -> _Plane:
    """The principal plane of a panel's embeddings, turned (or mirrored) to agree with the panel before.

    An embedding of one dimension is drawn on a line.
    """
    pca = PCA(min(2, at["embeddings"].shape[1]), random_state=0).fit(at["embeddings"])
    means = np.stack([at["embeddings"][at["labels"] == c].mean(axis=0) for c in np.unique(at["labels"])])
    axes = np.zeros((at["embeddings"].shape[1], 2))
    axes[:, : len(pca.components_)] = pca.components_.T
    flat = (means - pca.mean_) @ axes
    if previous is not None:
        turn, _ = orthogonal_procrustes(flat, previous.class_means)
        axes, flat = axes @ turn, flat @ turn
    return _Plane(pca.mean_, axes, flat)


def _draw_panel(panel: Axes, at: Mapping[str, np.ndarray], plane: _Plane) -> None:
    points = plane.of(at["embeddings"])
    others = at["labels"] >= len(COLORS)
    if others.any():
        panel.scatter(*points[others].T, s=7, color=GREY, alpha=0.35, lw=0, zorder=1)
    for label, color in enumerate(COLORS[: len(at["proxies"])]):
        panel.scatter(*points[at["labels"] == label].T, s=7, color=color, alpha=0.35, lw=0, zorder=2)
        if "previous_proxies" in at:
            boxes = plane.of(at["previous_proxies"][label])
            panel.scatter(*boxes.T, s=58, marker="s", color=color, edgecolors="black", linewidths=1.0, zorder=4)
        circles = plane.of(at["proxies"][label])
        panel.scatter(*circles.T, s=62, marker="o", facecolors="white", edgecolors=color, linewidths=2.0, zorder=5)
    index = int(at["index"])
    panel.set_title("initialisation" if index == 0 else f"projection {index}", fontsize=10)
    panel.set(xticks=[], yticks=[])
    panel.set_aspect("equal", "datalim")


def _legend(num_classes: int, class_names: Sequence[str] | None) -> list[Line2D]:
    names = [
        as_it_is(shortened(name, _LONGEST_NAME)) for name in class_names or map("class {}".format, range(num_classes))
    ]
    shown = min(num_classes, len(COLORS))
    handles = [Line2D([], [], ls="", marker="o", ms=5, color=COLORS[c], label=names[c]) for c in range(shown)]
    box = Line2D([], [], ls="", marker="s", ms=8, color="grey", mec="black", label="proxies")
    circle = Line2D([], [], ls="", marker="o", ms=8, mfc="white", mec="grey", mew=2, label="next proxies")
    return [*handles, box, circle]
