"""Finished runs side by side."""

from __future__ import annotations

import glob
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ccp.errors import UserError
from datasets.files import read_json
from experiments.differing import differing_names, effective_settings
from experiments.run_directory import RunDirectory


class Line(NamedTuple):
    """Runs whose settings differ in nothing but the seed.

    Attributes:
      name: data set, loss, and the settings that distinguish it from the other lines.
      dataset: their data set.
      scores: by seed, the test scores by metric.
    """

    name: str
    dataset: str
    scores: Mapping[int, Mapping[str, float]]


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
    groups: dict[str, dict[int, Mapping[str, float]]] = {}
    flats: dict[str, dict[str, Any]] = {}
    left_out = []
    for path in _directories(patterns):
        run = RunDirectory(path)
        if not run.result.exists():
            left_out.append(f"{path}: no finished run")
            continue
        try:
            flat = {**effective_settings(run.load_settings()), "images": run.data_digest[:8]}
            scores = read_json(run.result)["test"]
        except UserError as error:
            left_out.append(f"{path}: {error}")
            continue
        seed = flat.pop("seed")
        key = repr(sorted(flat.items()))
        flats[key] = flat
        if seed in groups.setdefault(key, {}):
            left_out.append(f"{path}: same settings and seed as another one")
        groups[key].setdefault(seed, scores)
    if not groups:
        raise UserError(
            f"No finished run in {', '.join(patterns)}; pass directories or quoted patterns of finished runs, like "
            "'runs/*', and resume unfinished ones first."
        )
    lines = [Line(_name(flats[key], list(flats.values())), flats[key]["dataset"], groups[key]) for key in groups]
    return Comparison(sorted(lines, key=lambda line: line.dataset), left_out)


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
