"""The report as one HTML page, with its figures inside and as files beside it."""

from __future__ import annotations

import base64
import io
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import jinja2
from PIL import Image

from evaluate.figures import to_png
from evaluate.metrics.registry import STANDARD, title
from evaluate.metrics.statistics import summary
from evaluate.report.captions import (
    CaptionedFigure,
    curve_figures,
    embedding_figures,
    geometry_figures,
    retrieval_figures,
    score_figures,
)
from evaluate.report.facts import NUM_CENTERS, Report, RunFacts, Score

_FOLDER = pathlib.Path(__file__).parent


class PageFigure(NamedTuple):
    """A figure for the template; ``run`` is put before the caption where there are several runs."""

    source: str
    width: int
    height: int
    caption: str
    alt: str
    run: str | None


def render(report: Report, folder: pathlib.Path) -> str:
    """The page.

    Args:
      report: what it shows.
      folder: where its figures are written as PNG files, too; made if need be.
    """
    folder.mkdir(parents=True, exist_ok=True)
    repeated, single = _repeated(report), {run.name: run.evaluation.scores for run in report.evaluated}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(percent="{:.2f}".format, number=_number, thousands="{:,}".format, metric_title=title)
    return environment.get_template("page.html").render(
        report=report,
        style=(_FOLDER / "report.css").read_text(encoding="utf-8"),
        metrics=STANDARD,
        centers=NUM_CENTERS,
        repeated=repeated,
        single=single,
        protocols=_protocols(report.evaluated),
        figures=_figures(report, {**repeated, **single}, folder),
    )


def _repeated(report: Report) -> dict[str, dict[str, Score]]:
    """By name and metric, the mean over seeds with Student's interval, cut at 0 and 1."""
    rows = {}
    for name, runs in report.repeats.items():
        rows[name] = {}
        for metric in STANDARD:
            over_seeds = summary([run.evaluation.scores[metric].mean for run in runs])
            low, high = over_seeds["interval_95"]
            rows[name][metric] = Score(over_seeds["mean"], max(low, 0.0), min(high, 1.0))
    return rows


def _protocols(runs: Iterable[RunFacts]) -> list[tuple[Mapping[str, str], list[str]]]:
    """Different protocols, and the names of the runs that were evaluated by each."""
    protocols: list[tuple[Mapping[str, str], list[str]]] = []
    for run in runs:
        sentences = dict(run.evaluation.protocol)
        left_out = run.evaluation.data["unreadable_images_left_out"]
        if left_out:
            sentences["left out"] = f"{left_out:,} images that cannot be read"
        names = next((names for known, names in protocols if known == sentences), None)
        if names is None:
            protocols.append((sentences, [run.name]))
        else:
            names.append(run.name)
    return protocols


def _figures(
    report: Report, scores: Mapping[str, Mapping[str, Score]], folder: pathlib.Path
) -> dict[str, list[list[PageFigure]]]:
    """By section, grids of figures; ``scores`` by row of the tables and metric."""
    several = len(report.runs) > 1

    def grids(
        runs: Sequence[RunFacts], draw: Callable[[RunFacts], Iterable[CaptionedFigure]]
    ) -> list[list[PageFigure]]:
        """One grid of a single run's figures; of several runs, those that show the same thing side by side."""
        by_key: dict[str, list[PageFigure]] = {}
        for run in runs:
            number = list(report.runs).index(run) + 1
            for figure in draw(run):
                file = f"run{number}_{figure.key}.png" if several else f"{figure.key}.png"
                key = figure.key if several else ""
                by_key.setdefault(key, []).append(_page_figure(figure, folder / file, run.name if several else None))
        return list(by_key.values())

    def shared(figures: Iterable[CaptionedFigure]) -> list[list[PageFigure]]:
        drawn = [_page_figure(figure, folder / f"{figure.key}.png") for figure in figures]
        return [drawn] if drawn else []

    return {
        "results": shared(score_figures(scores)) if several and scores else [],
        "training": shared(curve_figures(report.runs)),
        "embedding": grids(report.evaluated, lambda run: embedding_figures(run.evaluation, report.tsne)),
        "retrieval": grids(report.evaluated, lambda run: retrieval_figures(run.evaluation)),
        "geometry": grids(report.runs, geometry_figures),
    }


def _page_figure(figure: CaptionedFigure, file: pathlib.Path, run: str | None = None) -> PageFigure:
    png = to_png(figure.figure)
    file.write_bytes(png)
    small, (width, height) = _with_palette(png)
    source = f"data:image/png;base64,{base64.b64encode(small).decode()}"
    return PageFigure(source, width, height, figure.caption, f"{run}: {figure.alt}" if run else figure.alt, run)


def _with_palette(png: bytes) -> tuple[bytes, tuple[int, int]]:
    """The picture in 256 colours, a third of the size, so that a page with many runs can be sent by mail; its size."""
    # By coverage: shared out by frequency, the palette would lose the colour of a class with few points.
    image = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue(), image.size


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
