"""The figures of the report with their captions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from ccp.wording import counted
from evaluate import figures
from evaluate.geometry import center_radii, pair_distances, spread
from evaluate.metrics.registry import title
from evaluate.report.facts import NUM_CENTERS, Evaluation, RunFacts

_MAX_DRAWN = 1500


class CaptionedFigure(NamedTuple):
    """A figure of the report.

    Attributes:
      key: of its file, unique within a run.
      figure: drawn.
      caption: shown below it.
    """

    key: str
    figure: Figure
    caption: str


def curve_figures(runs: Sequence[RunFacts]) -> Iterator[CaptionedFigure]:
    """Loss and validation scores of all runs."""
    records = {run.name: run.records for run in runs if run.records}
    if not records:
        return
    for quantity in ("loss", *dict.fromkeys(run.monitor for run in runs)):
        name = "training loss" if quantity == "loss" else f"validation {title(quantity)}"
        yield CaptionedFigure(
            f"curve_{quantity}",
            figures.draw_curves(records, [quantity], {run.name: run.setting or run.name for run in runs}),
            f"The {name} by training step. A triangle is a projection.",
        )


def embedding_figures(evaluation: Evaluation, tsne: bool) -> Iterator[CaptionedFigure]:
    """The test classes, and the training classes with their proxies."""
    method = "t-SNE, which keeps neighbours together and not distances" if tsne else "their two principal components"
    test, training, proxies = evaluation.held_out, evaluation.training, evaluation.proxies
    shown = test.take(spread(test.labels, _MAX_DRAWN))
    yield CaptionedFigure(
        "embedding_test",
        figures.draw_embedding(shown.embeddings, shown.labels, shown.class_names, tsne=tsne),
        f"{evaluation.test_classes.capitalize()}: {len(shown):,} of {len(test):,} test images in {method}.",
    )
    proxy_labels = None
    if proxies is not None:
        present = np.unique(training.labels)
        proxy_labels = np.repeat(present, proxies.shape[1])
        proxies = proxies[present].reshape(-1, proxies.shape[-1])
    drawn = figures.draw_embedding(
        training.embeddings, training.labels, training.class_names, proxies, proxy_labels, tsne
    )
    yield CaptionedFigure(
        "embedding_training",
        drawn,
        f"Training classes{'' if proxies is None else ' with their proxies'}: "
        f"{counted(len(training), 'image')} in {method}.",
    )


def retrieval_figures(evaluation: Evaluation, rows: Sequence[figures.RetrievalRow]) -> Iterator[CaptionedFigure]:
    """What queries of the worst classes find, as by ``worst_classes``, and the distances of pairs."""
    test = evaluation.held_out
    yield CaptionedFigure(
        "retrieval",
        figures.draw_retrievals(rows, evaluation.test.thumbnail),
        f"The {len(rows)} {evaluation.test_classes} with the lowest MAP@R (of several runs: in their mean), the worst "
        "first: at the left the class's median query, then its nearest images with their classes. Right: blue and ✓; "
        "wrong: orange, dashed and ✗.",
    )
    positives, negatives = pair_distances(test.embeddings, test.labels)
    yield CaptionedFigure(
        "distances",
        figures.draw_distances(positives, negatives),
        f"Distances of pairs of test images: {len(positives):,} of one class (blue), {len(negatives):,} of two "
        "classes (orange, hatched). The less they overlap, the better.",
    )


def geometry_figures(run: RunFacts) -> Iterator[CaptionedFigure]:
    """Radii and class distances at each projection, and the radii now."""
    evaluation, measured = run.evaluation, run.geometry_by_projection
    if len(measured) > 1:  # The initialisation alone makes no curve.
        last = measured[-1]
        yield CaptionedFigure(
            "radii",
            figures.draw_radii(measured),
            f"Covering radius of {last['classes']:,} training classes ({last['examples']:,} images), by proxies, and "
            "by as many of the class's own examples, greedily chosen. CCP claims that it shrinks …",
        )
        yield CaptionedFigure(
            "class_distances",
            figures.draw_class_distances(measured),
            "… without the classes moving together: distances between the means of these classes.",
        )
        yield CaptionedFigure(
            "relative_radii",
            figures.draw_relative_radii(measured),
            "The one over the other: it falls if classes shrink by more than the embedding as a whole does.",
        )
    if measured:
        names = evaluation.training.class_names if evaluation else None
        yield CaptionedFigure(
            "projections",
            figures.draw_projections(run.projections, names, most_columns=2, most_panels=6),
            "The training classes at the projections: proxies as boxes, the ones that replace them as circles."
            if len(measured) > 1
            else "The training classes at the start, with their first proxies as circles.",
        )
    if evaluation:
        sets = {evaluation.test_classes: evaluation.held_out, "training classes": evaluation.training}
        radii = {name: center_radii(one.embeddings, one.labels, NUM_CENTERS).mean(axis=0) for name, one in sets.items()}
        yield CaptionedFigure(
            "radii_by_centers",
            figures.draw_radii_by_centers(radii),
            "How far a class reaches from its best 1, 2, … centres, by the best weights.",
        )
