"""A run's pictures on disk."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from evaluate import figures
from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory


def draw_run(run_dir: str | pathlib.Path, class_names: Sequence[str] | None = None) -> list[pathlib.Path]:
    """Draws all there is to draw of a run into its ``figures/``; returns the files."""
    run = RunDirectory(run_dir)
    monitor, name = run.load_settings().loop.monitor, run.load_settings().loss.loss
    directory = run.path / "figures"
    drawn = [figures.save(figures.draw_curves({name: run.records()}, monitor), directory / "curves.png")]
    projections = read_projections(run)
    if projections:
        drawn.append(figures.save(figures.draw_projections(projections, class_names), directory / "projections.png"))
        drawn.append(figures.save(figures.draw_radii(projections), directory / "covering_radius.png"))
    return drawn
