"""The figures of the report, each with the words that go with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from evaluate import figures
from evaluate.geometry import center_radii, geometry_by_projection, pair_distances, spread
from evaluate.metrics.registry import title
from evaluate.worst_classes import worst_classes
from experiments.report.facts import Judged, RunFacts

_MOST_DRAWN = 1500
_MOST_CENTERS = 8


class Picture(NamedTuple):
    """A figure of the report.

    Attributes:
      key: of its file, unique within a run.
      figure: drawn.
      caption: shown under it.
      alt: what it shows, for those who do not see it.
    """

    key: str
    figure: Figure
    caption: str
    alt: str


def score_pictures(rows: Mapping[str, Mapping[str, tuple[float, Sequence[float]]]]) -> Iterator[Picture]:
    """Scores of the rows of the results tables, by name and by metric."""
    for metric in next(iter(rows.values())):
        drawn = figures.draw_scores({name: scores[metric] for name, scores in rows.items()}, metric)
        caption = f"{title(metric)} on the unseen classes with the 95% intervals of the tables."
        yield Picture(f"scores_{metric}", drawn, caption, f"{metric} of {', '.join(rows)} with intervals")


def curve_pictures(runs: Sequence[RunFacts]) -> Iterator[Picture]:
    """Loss and validation scores of all runs."""
    records = {run.name: run.records for run in runs if run.records}
    if not records:
        return
    for quantity in ("loss", *dict.fromkeys(run.config.loop.monitor for run in runs)):
        name = "training loss" if quantity == "loss" else f"validation {title(quantity)}"
        yield Picture(
            f"curve_{quantity}",
            figures.draw_curve(records, quantity),
            f"The {name} by training step. A triangle is a projection.",
            f"Curve of the {name} by training step for {', '.join(records)}",
        )


def embedding_pictures(judged: Judged, tsne: bool) -> Iterator[Picture]:
    """The unseen classes, and the training classes with their proxies."""
    how = "t-SNE, which keeps neighbours together and not distances" if tsne else "their two principal components"
    unseen = judged.unseen.take(spread(judged.unseen.labels, _MOST_DRAWN))
    references = None if judged.proxies is None else judged.proxies.reshape(-1, judged.proxies.shape[-1])
    drawn = figures.draw_embedding(unseen.embeddings, unseen.labels, unseen.class_names, references, tsne=tsne)
    yield Picture(
        "embedding_unseen",
        drawn,
        f"Unseen classes: {len(unseen):,} of {len(judged.unseen):,} test images in {how}.",
        f"Scatter plot of the embedding of {len(np.unique(unseen.labels))} unseen classes",
    )
    training = judged.training
    proxy_labels = None
    if judged.proxies is not None:
        proxy_labels = np.repeat(np.arange(len(judged.proxies)), judged.proxies.shape[1])
        here = np.isin(proxy_labels, training.labels)
        references, proxy_labels = references[here], proxy_labels[here]
    drawn = figures.draw_embedding(
        training.embeddings, training.labels, training.class_names, references, proxy_labels, tsne
    )
    yield Picture(
        "embedding_training",
        drawn,
        f"Training classes{'' if references is None else ' with their proxies'}: {len(training):,} images in {how}.",
        f"Scatter plot of the embedding of {len(np.unique(training.labels))} training classes",
    )


def retrieval_pictures(judged: Judged) -> Iterator[Picture]:
    """What queries of the worst classes find, and how far pairs are apart."""
    rows = worst_classes(judged.unseen)
    yield Picture(
        "retrieval",
        figures.draw_retrievals(rows, judged.unseen.thumbnail),
        f"The {len(rows)} unseen classes with the lowest MAP@R, the worst first: at the left the class's median query, "
        "then its nearest images. Right: blue and ✓; wrong: orange, dashed and ✗.",
        "; ".join(f"{row.title}: {row.right.sum()} of the {len(row.right)} nearest are right" for row in rows),
    )
    positives, negatives = pair_distances(judged.unseen.embeddings, judged.unseen.labels)
    yield Picture(
        "distances",
        figures.draw_distances(positives, negatives),
        f"Distances of pairs of unseen images: {len(positives):,} of one class (blue), {len(negatives):,} of two "
        "classes (orange, hatched). The less they overlap, the better.",
        "Histograms of the distances of pairs of one class and of two classes",
    )


def geometry_pictures(run: RunFacts) -> Iterator[Picture]:
    """How radii and class distances went from projection to projection, and where they are now."""
    if run.projections:
        measured = geometry_by_projection(run.projections)
        of = f"{measured[-1]['classes']:,} training classes ({measured[-1]['examples']:,} images)"
        yield Picture(
            "radii",
            figures.draw_radii(run.projections),
            f"Covering radius of {of}, by proxies, and by as many of the class's own examples, greedily chosen. "
            "CCP claims that it shrinks …",
            "Covering radius at each projection",
        )
        yield Picture(
            "class_distances",
            figures.draw_class_distances(measured),
            "… without the classes moving together: distances between the means of these classes.",
            "Distance between class means at each projection",
        )
        yield Picture(
            "relative_radii",
            figures.draw_relative_radii(measured),
            "The one over the other: it falls if classes shrink by more than the embedding as a whole does.",
            "Covering radius over the mean distance between class means at each projection",
        )
        yield Picture(
            "projections",
            figures.draw_projections(run.projections, _names(run), most_columns=2, most_panels=6),
            "The training classes at the projections: proxies as boxes, the ones that replace them as circles.",
            "Scatter plots of the embedding at the initialisation and at projections",
        )
    if run.judged:
        parts = {"unseen classes": run.judged.unseen, "training classes": run.judged.training}
        radii = {
            name: center_radii(part.embeddings, part.labels, _MOST_CENTERS).mean(axis=0) for name, part in parts.items()
        }
        yield Picture(
            "radii_by_centers",
            figures.draw_radii_by_centers(radii),
            "How far a class reaches from its best 1, 2, … centres, by the best weights.",
            "Covering radius by the number of centres",
        )


def _names(run: RunFacts) -> Sequence[str] | None:
    return run.judged.training.class_names if run.judged else None
