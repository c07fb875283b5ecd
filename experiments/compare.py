"""Finished runs side by side."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ccp.errors import UserError
from ccp.settings import settings_of
from ccp.training.settings import ProjectionSettings
from datasets.files import read_json
from experiments.run_directory import RunDirectory
from experiments.sections import all_hyperparameters
from experiments.settings import Settings


class Line(NamedTuple):
    """Runs whose settings differ in nothing but the seed.

    Attributes:
      name: data set, loss, and the settings that tell it from the other lines.
      dataset: of the runs.
      scores: by seed, the test scores by metric.
    """

    name: str
    dataset: str
    scores: Mapping[int, Mapping[str, float]]


class Comparison(NamedTuple):
    """Finished runs, by what they were.

    Attributes:
      lines: one for each setting.
      left_out: runs that are in none, and why.
    """

    lines: list[Line]
    left_out: list[str]


def collect(patterns: Sequence[str]) -> Comparison:
    """Reads the test scores of finished runs.

    Args:
      patterns: run directories, or patterns of them.

    Raises:
      UserError: a pattern matches nothing, or no run there is finished.
    """
    groups: dict[str, dict[int, Mapping[str, float]]] = {}
    flats: dict[str, dict[str, Any]] = {}
    left_out = []
    for path in _directories(patterns):
        run = RunDirectory(path)
        if not run.result.exists():
            left_out.append(f"{path}: no finished run")
            continue
        try:
            settings = run.load_settings()
            scores = read_json(run.result)["test"]
        except UserError as error:
            left_out.append(f"{path}: {error}")
            continue
        flat = _flat(settings, run)
        key = repr(sorted((name, repr(value)) for name, value in flat.items()))
        flats[key] = flat
        if settings.run.seed in groups.setdefault(key, {}):
            left_out.append(f"{path}: same settings and seed as another one")
        groups[key].setdefault(settings.run.seed, scores)
    if not groups:
        raise UserError(f"No finished run in {', '.join(patterns)}; let main.py train end there first.")
    names = _names(flats)
    lines = [Line(names[key], flats[key]["dataset"], scores) for key, scores in groups.items()]
    return Comparison(sorted(lines, key=lambda line: line.dataset), left_out)


def _directories(patterns: Sequence[str]) -> list[str]:
    found = []
    for pattern in patterns:
        matches = sorted(glob.glob(pattern))
        if not matches:
            raise UserError(f"There is no run {pattern!r}; pass directories that main.py train has written.")
        found += matches
    return list(dict.fromkeys(map(os.path.normpath, found)))


def _flat(settings: Settings, run: RunDirectory) -> dict[str, Any]:
    """All settings that matter to what comes out, but for the seed, by name; and which images it was."""
    flat = {name: value for section in settings.in_effect().values() for name, value in section.items()}
    del flat["seed"]
    return {**flat, "images": run.data_digest[:8]}


def _names(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """By key, data set and loss, and the settings in which runs differ.

    Those of the loss are told where runs of the same loss differ; the others where any of the data set do. That the
    test set selected the model is always told.
    """
    of_loss = {*settings_of(ProjectionSettings), *all_hyperparameters()}
    names = {}
    for key, flat in settings.items():
        same_data = [other for other in settings.values() if other["dataset"] == flat["dataset"]]
        alike = [other for other in same_data if other["loss"] == flat["loss"]]
        telling = [
            n
            for n in flat
            if any(other.get(n) != flat[n] for other in (alike if n in of_loss else same_data))
            or (n == "select_on_test" and flat[n])
        ]
        names[key] = " ".join([flat["dataset"], flat["loss"], *(f"{n}={flat[n]}" for n in telling)])
    return names
