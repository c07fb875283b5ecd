"""The report as one HTML page, with its figures inside and as files beside it."""

from __future__ import annotations

import base64
import pathlib
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ccp.wording import counted
from evaluate.figures import save
from evaluate.metrics.registry import STANDARD, title
from evaluate.metrics.table import score_text
from evaluate.report.captions import (
    CaptionedFigure,
    curve_figures,
    embedding_figures,
    geometry_figures,
    retrieval_figures,
)
from evaluate.report.facts import NUM_CENTERS, Report, RunFacts
from evaluate.report.templates import render_template
from evaluate.worst_classes import worst_classes


class PageFigure(NamedTuple):
    """A figure for the template; ``run`` is put before the caption where there are several runs."""

    source: str
    caption: str
    run: str | None


def render(report: Report, folder: pathlib.Path) -> str:
    """The page.

    Args:
      report: what it shows.
      folder: where its figures are written as PNG files, too; made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    filters = {"percent": "{:.2f}".format, "number": _number, "thousands": "{:,}".format, "metric_title": title}
    return render_template(
        "page.html",
        filters,
        report=report,
        metrics=STANDARD,
        centers=NUM_CENTERS,
        protocols=_protocols(report.evaluated),
        figures=_figures(report, folder),
        score_text=score_text,
    )


def _protocols(runs: Iterable[RunFacts]) -> dict[tuple[tuple[str, str], ...], list[str]]:
    """Different protocols, as topics with sentences, and the names of the runs that were evaluated by each."""
    protocols: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for run in runs:
        sentences = dict(run.evaluation.protocol)
        left_out = run.evaluation.data["unreadable_images_left_out"]
        if left_out:
            sentences["left out"] = f"{counted(left_out, 'image')} that cannot be read"
        protocols.setdefault(tuple(sentences.items()), []).append(run.setting or run.name)
    return protocols


def _figures(report: Report, folder: pathlib.Path) -> dict[str, list[list[PageFigure]]]:
    """By section, grids of figures."""
    shown = [group.shown for group in report.groups]
    several = len(shown) > 1
    worst = dict(
        zip((run.name for run in report.evaluated), worst_classes([run.evaluation.test for run in report.evaluated]))
    )

    def grids(
        runs: Sequence[RunFacts], draw: Callable[[RunFacts], Iterable[CaptionedFigure]]
    ) -> list[list[PageFigure]]:
        """One grid of a single run's figures; of several runs, those that show the same thing side by side."""
        by_key: dict[str, list[PageFigure]] = {}
        for run in runs:
            number = shown.index(run) + 1
            for figure in draw(run):
                file = f"run{number}_{figure.key}.png" if several else f"{figure.key}.png"
                key = figure.key if several else ""
                by_key.setdefault(key, []).append(_page_figure(figure, folder / file, run.name if several else None))
        return list(by_key.values())

    return {
        "training": [[_page_figure(one, folder / f"{one.key}.png") for one in curve_figures(report.runs)]],
        "embedding": grids(report.evaluated, lambda run: embedding_figures(run.evaluation, report.tsne)),
        "retrieval": grids(report.evaluated, lambda run: retrieval_figures(run.evaluation, worst[run.name])),
        "geometry": grids(shown, geometry_figures),
    }


def _page_figure(figure: CaptionedFigure, file: pathlib.Path, run: str | None = None) -> PageFigure:
    png = save(figure.figure, file).read_bytes()
    return PageFigure(f"data:image/png;base64,{base64.b64encode(png).decode()}", figure.caption, run)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
