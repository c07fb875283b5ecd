"""An embedding in two dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from sklearn.manifold import TSNE

from ccp.wording import counted
from evaluate.figures.plane import principal_plane
from evaluate.figures.style import COLORS, GREY, MARKERS, WIDTH, escaped_name, legend_below, new_figure, shortened

_MAX_NAME_LENGTH = 40


def draw_embedding(
    embeddings: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
    proxies: np.ndarray | None = None,
    proxy_labels: np.ndarray | None = None,
    tsne: bool = False,
) -> Figure:
    """Examples in the plane of their two principal components, or by t-SNE.

    Eight classes, evenly spaced, have a colour and a marker, the others are grey. Proxies are squares, projected onto
    the same plane; t-SNE places them together with the examples. Without proxies a + is the mean of a class.

    Args:
      embeddings: [num_examples, embedding_size].
      labels: [num_examples].
      class_names: by label.
      proxies: [num_proxies, embedding_size]; None for none.
      proxy_labels: [num_proxies] their classes.
      tsne: t-SNE, with the perplexity 30 or less.
    """
    references = np.empty((0, embeddings.shape[1])) if proxies is None else proxies
    points, boxes = (_by_tsne if tsne else _by_components)(embeddings, references)
    present = np.unique(labels)
    shown = present[np.unique(np.linspace(0, len(present) - 1, min(len(COLORS), len(present))).astype(int))]
    figure = new_figure(WIDTH, WIDTH)
    axes = figure.subplots()
    others = ~np.isin(labels, shown)
    axes.scatter(*points[others].T, s=9, color=GREY, alpha=0.5, lw=0, zorder=1)
    for label, color, marker in zip(shown, COLORS, MARKERS):
        own = points[labels == label]
        axes.scatter(*own.T, s=22, marker=marker, color=color, alpha=0.6, lw=0, zorder=3)
        if proxies is None:
            axes.scatter(
                *own.mean(axis=0), s=110, marker="P", color=color, edgecolors="white", linewidths=1.2, zorder=5
            )
        else:
            own_boxes = boxes[proxy_labels == label]
            axes.scatter(*own_boxes.T, s=58, marker="s", color=color, edgecolors="black", linewidths=1.2, zorder=5)
    axes.set(xticks=[], yticks=[])
    axes.set_aspect("equal", "datalim")
    names = [escaped_name(shortened(class_names[label], _MAX_NAME_LENGTH)) for label in shown]
    handles = [Line2D([], [], ls="", marker=m, color=c, label=name) for name, c, m in zip(names, COLORS, MARKERS)]
    if others.any():
        rest = counted(len(present) - len(shown), "other class")
        handles.append(Line2D([], [], ls="", marker="o", color=GREY, label=rest))
    if proxies is None:
        handles.append(Line2D([], [], ls="", marker="P", ms=9, color="grey", mec="white", label="class mean"))
    else:
        handles.append(Line2D([], [], ls="", marker="s", ms=7, color="grey", mec="black", label="proxies"))
    legend_below(figure, handles)
    return figure


def _by_components(embeddings: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Examples and references in the examples' principal plane, [num, 2] each."""
    plane = principal_plane(embeddings)
    return plane.flat(embeddings), plane.flat(references)


def _by_tsne(embeddings: np.ndarray, references: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    together = np.concatenate([embeddings, references])
    if len(together) < 4 or not np.ptp(together, axis=0).any():  # Too few, or all at one place: no neighbourhoods.
        return _by_components(embeddings, references)
    # scikit-learn's rule of thumb; the perplexity has to be below the number of points.
    perplexity = min(30.0, (len(together) - 1) / 3)
    points = TSNE(perplexity=perplexity, init="pca", random_state=0).fit_transform(together)
    return points[: len(embeddings)], points[len(embeddings) :]
