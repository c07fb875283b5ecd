"""The embedding at each projection, as in the paper's Figure 1."""

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

    One panel per projection, each in the two principal components of its embedding, turned to agree with the panel
    before. Of more than ``most_panels`` projections that many are shown, evenly spaced; of more than 8 classes that
    have examples, the first 8 have a colour.

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
    shown = np.unique(np.concatenate([at["labels"] for at in projections]))[: len(COLORS)]
    plane = None
    for panel, at in zip(panels, projections):
        plane = _plane(at, plane)
        _draw_panel(panel, at, plane, shown)
    if class_names is None:
        class_names = projections[-1].get("class_names")
    legend_below(figure, _legend(shown, class_names))
    return figure


class _Plane(NamedTuple):
    """A 2-D view: centre [embedding_size], axes [embedding_size, 2]; labels [classes] and their means in it."""

    center: np.ndarray
    axes: np.ndarray
    classes: np.ndarray
    class_means: np.ndarray

    def flat(self, points: np.ndarray) -> np.ndarray:
        """Points [num, embedding_size] in the plane, [num, 2]."""
        return (points - self.center) @ self.axes


def _plane(at: Mapping[str, np.ndarray], previous: _Plane | None) -> _Plane:
    """The principal plane of a panel's embeddings, turned (or mirrored) to agree with the panel before.

    An embedding of one dimension is drawn on a line.
    """
    with np.errstate(invalid="ignore"):  # Points that coincide have no variance to be explained.
        pca = PCA(min(2, at["embeddings"].shape[1]), random_state=0).fit(at["embeddings"])
    classes = np.unique(at["labels"])
    means = np.stack([at["embeddings"][at["labels"] == c].mean(axis=0) for c in classes])
    axes = np.zeros((at["embeddings"].shape[1], 2))
    axes[:, : len(pca.components_)] = pca.components_.T
    flat = (means - pca.mean_) @ axes
    if previous is not None:
        # A class may be gone, its images having become unreadable in between.
        _, here, before = np.intersect1d(classes, previous.classes, return_indices=True)
        turn, _ = orthogonal_procrustes(flat[here], previous.class_means[before])
        axes, flat = axes @ turn, flat @ turn
    return _Plane(pca.mean_, axes, classes, flat)


def _draw_panel(panel: Axes, at: Mapping[str, np.ndarray], plane: _Plane, shown: np.ndarray) -> None:
    points = plane.flat(at["embeddings"])
    others = ~np.isin(at["labels"], shown)
    if others.any():
        panel.scatter(*points[others].T, s=7, color=GREY, alpha=0.35, lw=0, zorder=1)
    for label, color in zip(shown, COLORS):
        panel.scatter(*points[at["labels"] == label].T, s=7, color=color, alpha=0.35, lw=0, zorder=2)
        if "previous_proxies" in at:
            boxes = plane.flat(at["previous_proxies"][label])
            panel.scatter(*boxes.T, s=58, marker="s", color=color, edgecolors="black", linewidths=1.0, zorder=4)
        circles = plane.flat(at["proxies"][label])
        panel.scatter(*circles.T, s=62, marker="o", facecolors="white", edgecolors=color, linewidths=2.0, zorder=5)
    index = int(at["index"])
    panel.set_title("initialisation" if index == 0 else f"projection {index}", fontsize=10)
    panel.set(xticks=[], yticks=[])
    panel.set_aspect("equal", "datalim")


def _legend(shown: np.ndarray, class_names: Sequence[str] | None) -> list[Line2D]:
    names = [class_names[label] if class_names is not None else f"class {label}" for label in shown]
    handles = [
        Line2D([], [], ls="", marker="o", ms=5, color=color, label=as_it_is(shortened(name, _LONGEST_NAME)))
        for color, name in zip(COLORS, names)
    ]
    box = Line2D([], [], ls="", marker="s", ms=8, color="grey", mec="black", label="proxies")
    circle = Line2D([], [], ls="", marker="o", ms=8, mfc="white", mec="grey", mew=2, label="next proxies")
    return [*handles, box, circle]
