"""Finished runs side by side."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ccp.config import Config
from ccp.errors import UserError
from ccp.runs import FREE_TO_CHANGE, RunDirectory, read_json


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
    settings: dict[str, dict[str, Any]] = {}
    left_out = []
    for path in _directories(patterns):
        run = RunDirectory(path)
        if not run.result.exists():
            left_out.append(f"{path}: no finished run")
            continue
        try:
            config = run.load_config()
            scores = read_json(run.result)["test"]
        except UserError as error:
            left_out.append(f"{path}: {error}")
            continue
        flat = _flat(config)
        key = repr(sorted((name, repr(value)) for name, value in flat.items()))
        settings[key] = flat
        if config.loop.seed in groups.setdefault(key, {}):
            left_out.append(f"{path}: same settings and seed as another one")
        groups[key].setdefault(config.loop.seed, scores)
    if not groups:
        raise UserError(f"No finished run in {', '.join(patterns)}; let main.py train end there first.")
    names = _names(settings)
    lines = [Line(names[key], settings[key]["dataset"], scores) for key, scores in groups.items()]
    return Comparison(sorted(lines, key=lambda line: line.dataset), left_out)


def _directories(patterns: Sequence[str]) -> list[str]:
    found = []
    for pattern in patterns:
        matches = sorted(glob.glob(pattern))
        if not matches:
            raise UserError(f"There is no run {pattern!r}; pass directories that main.py train has written.")
        found += matches
    return list(dict.fromkeys(map(os.path.normpath, found)))


def _flat(config: Config) -> dict[str, Any]:
    """All settings but the seed and those that do not matter to what comes out, by name."""
    flat = {name: value for section in config.to_dict().values() for name, value in section.items()}
    flat.update(flat.pop("settings"))
    return {name: value for name, value in flat.items() if name not in ("seed", *FREE_TO_CHANGE)}


def _names(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """By key, data set and loss, and those settings in which runs of the same data set and loss differ."""
    names = {}
    for key, flat in settings.items():
        alike = [other for other in settings.values() if all(other[n] == flat[n] for n in ("dataset", "loss"))]
        telling = [n for n in flat if any(other.get(n) != flat[n] for other in alike)]
        names[key] = " ".join([flat["dataset"], flat["loss"], *(f"{n}={flat[n]}" for n in telling)])
    return names
