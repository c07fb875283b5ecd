"""Pictures of a run: the embedding at each projection, covering radii, and curves."""

from __future__ import annotations

import io
import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.linalg import orthogonal_procrustes
from sklearn.decomposition import PCA

from ccp.runs import RunDirectory
from evaluate.geometry import covering_radii
from evaluate.metrics import TITLES

_COLORS = ("#1b6ca8", "#d1495b", "#2e8b57", "#edae49", "#7d5ba6", "#00798c", "#8d6a4f", "#c2577e")
_GREY = "#c8c8c8"
_MOST_PANELS, _MOST_COLUMNS = 12, 5


def read_projections(run: RunDirectory) -> list[dict[str, np.ndarray]]:
    """What was kept at the initialisation and at each projection, in order; embeddings and proxies are normalised.

    Each holds ``index``, ``embeddings`` [num, embedding_size], ``labels`` [num], ``proxies`` [num_classes,
    proxies_per_class, embedding_size] and, but for the first, ``previous_proxies`` of the same shape.
    """
    projections = []
    for path in sorted(run.projections.glob("*.npz")):
        with np.load(path) as file:
            kept = {name: file[name] for name in file.files}
        for name in ("proxies", "previous_proxies"):
            if name in kept:
                norms = np.linalg.norm(kept[name], axis=-1, keepdims=True)
                kept[name] = kept[name] / np.maximum(1.0, norms)
        projections.append({"index": np.int64(path.stem), **kept})
    return projections


def radii_by_projection(projections: Sequence[Mapping[str, np.ndarray]]) -> list[dict[str, float]]:
    """The mean over classes of the covering radius at each projection, before and after the proxies moved.

    Both by the network as it was then. ``before`` is NaN at the initialisation.
    """

    def mean_radius(at, proxies):
        return float(covering_radii(at["embeddings"], at["labels"], at[proxies]).mean()) if proxies in at else np.nan

    return [
        {
            "projection": int(at["index"]),
            "before": mean_radius(at, "previous_proxies"),
            "after": mean_radius(at, "proxies"),
        }
        for at in projections
    ]


def draw_projections(
    projections: Sequence[Mapping[str, np.ndarray]], class_names: Sequence[str] | None = None
) -> Figure:
    """The paper's Figure 1: the embedding in 2-D, proxies as boxes and the next ones as circles.

    One panel per projection, each in the two principal components of its own embedding, turned so that the
    classes lie as they did in the panel before. Of more than 12 projections, 12 are shown, evenly spaced;
    of more than 8 classes, 8 have a colour.
    """
    if len(projections) > _MOST_PANELS:
        projections = [projections[i] for i in np.linspace(0, len(projections) - 1, _MOST_PANELS).round().astype(int)]
    rows = -(-len(projections) // _MOST_COLUMNS)
    columns = -(-len(projections) // rows)
    figure = Figure(figsize=(max(3.0 * columns, 6.5), 3.1 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).reshape(-1)
    for panel in panels[len(projections) :]:
        panel.set_visible(False)
    plane = None
    for panel, at in zip(panels, projections):
        plane = _plane(at, plane)
        _draw_panel(panel, at, plane)
    _put_below(figure, _legend(projections[0]["proxies"].shape[0], class_names))
    return figure


def draw_radii(projections: Sequence[Mapping[str, np.ndarray]]) -> Figure:
    """Mean covering radius at each projection, by the proxies before it and by those after it."""
    radii = radii_by_projection(projections)
    figure = Figure(figsize=(5.2, 3.4), layout="constrained")
    axes = figure.subplots()
    index = [at["projection"] for at in radii]
    axes.plot(index, [at["before"] for at in radii], "s-", color=_COLORS[1], label="by the proxies before")
    axes.plot(index, [at["after"] for at in radii], "o-", color=_COLORS[0], mfc="white", label="by the new proxies")
    axes.set(xlabel="projection (0: initialisation)", ylabel="covering radius, mean over classes", ylim=(0, None))
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.legend(frameon=False)
    _tidy(axes)
    return figure


def draw_curves(records: Mapping[str, Sequence[Mapping[str, Any]]], monitor: str) -> Figure:
    """Loss and validation score by training step, one line per run, projections marked.

    Args:
      records: the lines of each run's ``metrics.jsonl``, by the name to show.
      monitor: the score.
    """
    figure = Figure(figsize=(9.0, 3.4), layout="constrained")
    for axes, quantity, label in zip(
        figure.subplots(1, 2), ("loss", monitor), ("training loss", f"validation {TITLES[monitor]}")
    ):
        for color, (name, lines) in zip(itertools.cycle(_COLORS), records.items()):
            steps = [line["step"] for line in lines]
            axes.plot(steps, [line[quantity] for line in lines], color=color, label=name)
            projected = [line for line in lines if line["projected"]]
            if projected:
                axes.plot(
                    [line["step"] for line in projected],
                    [line[quantity] for line in projected],
                    "v",
                    color=color,
                    mec="white",
                    ms=8,
                    label=f"{name}: projection",
                )
        axes.set(xlabel="training step", ylabel=label)
        axes.legend(frameon=False)
        _tidy(axes)
    return figure


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130)
    return buffer.getvalue()


def save(figure: Figure, path: pathlib.Path) -> pathlib.Path:
    """Writes the figure as a PNG file, making the directory if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(to_png(figure))
    return path


def latest_projection_figure(run: RunDirectory) -> dict[str, bytes]:
    """The last projection's panel as a PNG by name, for TensorBoard; empty before the first."""
    projections = read_projections(run)
    return {"projection": to_png(draw_projections(projections[-1:]))} if projections else {}


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
    others = at["labels"] >= len(_COLORS)
    if others.any():
        panel.scatter(*points[others].T, s=7, color=_GREY, alpha=0.35, lw=0, zorder=1)
    for label, color in enumerate(_COLORS[: len(at["proxies"])]):
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
    names = class_names or [f"class {label}" for label in range(num_classes)]
    shown = min(num_classes, len(_COLORS))
    handles = [Line2D([], [], ls="", marker="o", ms=5, color=_COLORS[c], label=names[c]) for c in range(shown)]
    box = Line2D([], [], ls="", marker="s", ms=8, color="grey", mec="black", label="proxies")
    circle = Line2D([], [], ls="", marker="o", ms=8, mfc="white", mec="grey", mew=2, label="next proxies")
    return [*handles, box, circle]


def _put_below(figure: Figure, handles: Sequence[Line2D]) -> None:
    """A legend in as many columns as the figure is wide enough for; the figure grows by the legend's height."""
    for columns in range(len(handles), 0, -1):
        legend = figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
        extent = legend.get_window_extent()
        if extent.width <= figure.bbox.width or columns == 1:
            break
        legend.remove()
    figure.set_figheight(figure.get_figheight() + extent.height / figure.dpi)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#ececec", lw=0.8)
    axes.set_axisbelow(True)
