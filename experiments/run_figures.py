"""A run's figures on disk."""

from __future__ import annotations

import os
import pathlib

from evaluate import figures
from evaluate.geometry import geometry_by_projection
from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory


def draw_run(run_dir: str | os.PathLike) -> list[pathlib.Path]:
    """Draws a run's curves, and its projections and covering radii if any, into its ``figures/``; returns the files."""
    run = RunDirectory(run_dir)
    settings, projections = run.load_settings(), read_projections(run)
    drawn = {"curves": figures.draw_curves({settings.loss.loss: run.records()}, ("loss", settings.loop.monitor))}
    if projections:
        drawn["projections"] = figures.draw_projections(projections)
    if len(projections) > 1:  # The initialisation alone makes no curve.
        drawn["covering_radius"] = figures.draw_radii(geometry_by_projection(projections))
    return [figures.save(figure, run.path / "figures" / f"{name}.png") for name, figure in drawn.items()]
