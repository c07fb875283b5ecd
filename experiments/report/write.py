"""From runs to one HTML page and the files beside it."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

from ccp.errors import UserError
from datasets.files import read_json, save_text
from evaluate.geometry import geometry_by_projection
from evaluate.metrics.registry import STANDARD
from experiments.report.facts import RunFacts, gather
from experiments.report.inline import InlinePictures
from experiments.report.sections import page
from experiments.report.settings import telling_names
from experiments.report.tables import measure
from experiments.run_directory import RunDirectory


def write_report(
    run_dirs: Sequence[str], output: str | None = None, data_dir: str | None = None, tsne: bool = False
) -> pathlib.Path:
    """Writes the report of one run, or of several side by side.

    Beside the page, which holds all it shows, lie its figures as PNG files, in a folder named after it, and its
    numbers as JSON.

    Args:
      run_dirs: of the runs, finished or not.
      output: the page, or a directory to write ``index.html`` into; None for ``report/`` in the first run's directory.
      data_dir: where the runs' data lie now, if they have moved.
      tsne: draw embeddings by t-SNE instead of their principal components.

    Returns:
      The page.

    Raises:
      UserError: there is no run, its data cannot be read, or the page cannot be written or would replace another file.
    """
    found: dict[str, str] = {}
    for path in run_dirs:  # However its path is spelled, a run is there once.
        found.setdefault(os.path.realpath(path), str(pathlib.Path(path)))
    paths = list(found.values())
    if not paths:
        raise UserError("A report needs at least one run; pass directories that main.py train has written.")
    names = telling_names([RunDirectory(path).load_settings() for path in paths], paths)
    target = _target(paths[0], output)
    runs = [gather(path, name, data_dir) for path, name in zip(paths, names)]
    pictures = InlinePictures(target.with_name(f"{target.stem}_figures"))
    save_text(target, page(runs, tsne, pictures))
    save_text(target.with_suffix(".json"), json.dumps([_numbers(run) for run in runs], indent=2) + "\n")
    return target


def _target(first_run: str, output: str | None) -> pathlib.Path:
    target = pathlib.Path(output) if output else pathlib.Path(first_run) / "report"
    if target.suffix.lower() not in (".html", ".htm"):
        target = target / "index.html"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"The report cannot be written to {target} ({error.strerror}); pass another place.") from error
    numbers = target.with_suffix(".json")
    # A report's are a list; a run's config.json and result.json are not.
    if numbers.exists() and not isinstance(read_json(numbers), list):
        raise UserError(f"The report's numbers would replace {numbers}, which is no report's; name the page otherwise.")
    return target


def _numbers(run: RunFacts) -> dict[str, Any]:
    """What the page says of a run, as data."""
    judged = run.judged
    return {
        "run": run.path,
        "name": run.name,
        "finished": run.finished,
        "scores": judged and {metric: judged.scores[metric] for metric in STANDARD if metric in judged.scores},
        "interval_95_over_queries": judged and judged.intervals,
        "geometry": judged and measure(run),
        "geometry_by_projection": geometry_by_projection(run.projections),
    }
