"""Finished runs side by side."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ccp.errors import UserError
from datasets.files import read_json
from experiments.differing import differing_names, effective_settings
from experiments.run_directory import RunDirectory
from experiments.start_rows import start_rows

Scores = Mapping[int, Mapping[str, float]]  # By seed and metric.


class Line(NamedTuple):
    """Runs whose settings differ in nothing but the seed.

    Attributes:
      name: data set, loss, and the settings that distinguish it from the other lines.
      dataset: their data set.
      scores: by seed, the test scores by metric.
      before: the same before training, by row, as in ``before_training``.
      without_projection: by seed, why runs that should have projected did not.
    """

    name: str
    dataset: str
    scores: Scores
    before: Mapping[str, Scores] = MappingProxyType({})
    without_projection: Mapping[int, str] = MappingProxyType({})


class Comparison(NamedTuple):
    """Finished runs, grouped.

    Attributes:
      lines: one for each setting; those of a data set follow each other.
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
    groups: dict[str, dict[int, dict[str, Any]]] = {}
    flats: dict[str, dict[str, Any]] = {}
    left_out = []
    for path in _directories(patterns):
        run = RunDirectory(path)
        if not run.result.exists():
            left_out.append(f"{path}: no finished run")
            continue
        try:
            flat = {**effective_settings(run.load_settings()), "images": run.data_digest[:8]}
            result = read_json(run.result)
        except UserError as error:
            left_out.append(f"{path}: {error}")
            continue
        seed = flat.pop("seed")
        key = repr(sorted(flat.items()))
        flats[key] = flat
        if seed in groups.setdefault(key, {}):
            left_out.append(f"{path}: same settings and seed as another one")
        groups[key].setdefault(seed, result)
    if not groups:
        raise UserError(
            f"No finished run in {', '.join(patterns)}; pass directories or quoted patterns of finished runs, like "
            "'runs/*', and resume unfinished ones first."
        )
    lines = [_line(flats[key], list(flats.values()), groups[key]) for key in groups]
    return Comparison(sorted(lines, key=lambda line: line.dataset), left_out)


def _line(flat: Mapping[str, Any], others: Sequence[Mapping[str, Any]], results: Mapping[int, Mapping]) -> Line:
    before: dict[str, dict[int, Mapping[str, float]]] = {}
    for seed, result in results.items():
        for row, scores in start_rows(result.get("before_training", {})).items():
            before.setdefault(row, {})[seed] = scores
    whys = {seed: result.get("no_projection") for seed, result in results.items()}
    return Line(
        _name(flat, others),
        flat["dataset"],
        {seed: result["test"] for seed, result in results.items()},
        before,
        {seed: why for seed, why in whys.items() if why},
    )


def _directories(patterns: Sequence[str]) -> list[str]:
    found = []
    for pattern in patterns:
        # A directory's name may hold what a pattern would treat as special.
        matches = [pattern] if os.path.isdir(pattern) else sorted(glob.glob(pattern))
        if not matches:
            raise UserError(f"There is no run {pattern!r}; pass directories that main.py train has written.")
        found += matches
    return list(dict.fromkeys(map(os.path.normpath, found)))


def _name(flat: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    return " ".join([flat["dataset"], flat["loss"], *(f"{n}={flat[n]}" for n in differing_names(flat, others))])
