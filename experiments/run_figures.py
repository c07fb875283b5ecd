"""Tables of scores, and a run's pictures on disk."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

import numpy as np

from evaluate import figures
from evaluate.metrics.retrieval import METRICS, TITLES
from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory


def score_table(rows: Mapping[str, Mapping[str, float] | Sequence[Mapping[str, float]]]) -> str:
    """Scores in percent, a line per row; for several seeds the mean ± the sample standard deviation.

    Args:
      rows: by name, the scores of one run or of one run per seed.
    """
    cells = {name: [_cell(scores, metric) for metric in METRICS] for name, scores in rows.items()}
    width = max(len(name) for name in cells)
    column = max(8, *(len(cell) for line in cells.values() for cell in line)) + 2
    header = " " * width + "".join(f"{TITLES[metric]:>{column}}" for metric in METRICS)
    lines = [f"{name:<{width}}" + "".join(f"{cell:>{column}}" for cell in line) for name, line in cells.items()]
    return "\n".join([header, *lines])


def draw_run(run_dir: str | pathlib.Path, class_names: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Draws all there is to draw of a run into its ``figures/``; returns the files."""
    run = RunDirectory(run_dir)
    monitor, name = run.load_config().loop.monitor, run.load_config().loss.loss
    directory = run.path / "figures"
    drawn = [figures.save(figures.draw_curves({name: run.records()}, monitor), directory / "curves.png")]
    projections = read_projections(run)
    if projections:
        drawn.append(figures.save(figures.draw_projections(projections, class_names), directory / "projections.png"))
        drawn.append(figures.save(figures.draw_radii(projections), directory / "covering_radius.png"))
    return drawn


def _cell(scores: Mapping[str, float] | Sequence[Mapping[str, float]], metric: str) -> str:
    values = [100 * one[metric] for one in ([scores] if isinstance(scores, Mapping) else scores)]
    if len(values) == 1:
        return f"{values[0]:.2f}"
    return f"{np.mean(values):.2f} ± {np.std(values, ddof=1):.2f}"
