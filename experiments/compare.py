"""Finished runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ccp.errors import UserError
from datasets.files import read_json
from evaluate.metrics.statistics import mean_scores
from experiments.differing import differing_names, effective_settings
from experiments.found_directories import find_directories
from experiments.mlrc_directory import MlrcDirectory
from experiments.run_directory import RunDirectory
from experiments.start_rows import start_rows

Scores = Mapping[int, Mapping[str, float]]  # By seed and metric.


class Line(NamedTuple):
    """Runs whose settings differ in nothing but the seed, or the models of a 4-fold protocol.

    Attributes:
      name: data set, loss, and the settings that distinguish it from the other lines.
      dataset: their data set.
      scores: by seed, the test scores by metric; of a protocol, means over its four models.
      before: the same before training, by row, as in ``before_training``.
      without_projection: by seed, why runs that should have projected did not.
      combined: instead of ``scores``, by metric the ``summary`` of four models' concatenated embeddings.
    """

    name: str
    dataset: str
    scores: Scores
    before: Mapping[str, Scores] = MappingProxyType({})
    without_projection: Mapping[int, str] = MappingProxyType({})
    combined: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


class _Source(NamedTuple):
    """What one directory has for a line: settings without the seed, results by seed, and ``combined`` of the line."""

    flat: dict[str, Any]
    results: dict[int, Mapping[str, Any]]
    combined: Mapping[str, Mapping[str, Any]] = MappingProxyType({})


class Comparison(NamedTuple):
    """Finished runs, grouped.

    Attributes:
      lines: one for each setting; those of a data set follow each other.
      left_out: runs that are in none, and why.
    """

    lines: list[Line]
    left_out: list[str]


def collect(patterns: Sequence[str]) -> Comparison:
    """Reads the test scores of finished runs and of finished 4-fold protocols.

    Args:
      patterns: directories of runs or of ``main.py mlrc``, or patterns of them.

    Raises:
      UserError: a pattern matches nothing, or no run there is finished.
    """
    groups: dict[str, _Source] = {}
    left_out = []
    for path in find_directories(patterns):
        try:
            sources = _of_protocol(path) if MlrcDirectory(path).exists else [_of_run(path)]
        except UserError as error:
            left_out.append(f"{path}: {error}")
            continue
        for source in sources:
            group = groups.setdefault(repr(sorted(source.flat.items())), source)
            if group is source:
                continue
            if source.combined:
                left_out.append(f"{path}: concatenated, as another protocol has the same settings")
            elif group.results.keys() & source.results.keys():
                left_out.append(f"{path}: same settings and seed as another one")
            else:
                group.results.update(source.results)
    if not groups:
        raise UserError(
            f"No finished run in {', '.join(patterns)}; pass directories or quoted patterns of finished runs, like "
            "'runs/*', and resume unfinished ones first."
        )
    flats = [group.flat for group in groups.values()]
    lines = [_line(group, flats) for group in groups.values()]
    return Comparison(sorted(lines, key=lambda line: line.dataset), left_out)


def _of_run(path: str) -> _Source:
    run = RunDirectory(path)
    if not run.result.exists():
        raise UserError("no finished run")
    flat, result = _settings_of(run), read_json(run.result)
    if result["test_classes"] != "unseen classes":  # Scores of another kind.
        flat["dataset"] += f", {result['test_classes']}"
    return _Source(flat, {flat.pop("seed"): result})


def _of_protocol(path: str) -> list[_Source]:
    """The means over the four models of each repeat, and the scores of their concatenated embeddings."""
    directory = MlrcDirectory(path)
    result, runs = directory.load_result(), directory.runs()
    if result is None:
        done = sum(run.result.exists() for run in runs)
        raise UserError(f"its protocol is not finished: {done} models are; resume it with main.py mlrc")
    flat = _settings_of(runs[0])
    del flat["seed"], flat["validation"]
    by_seed: dict[int, list[Mapping[str, Any]]] = {}
    for run in directory.runs(result["repeats"]):  # Further ones may have begun since.
        by_seed.setdefault(run.load_settings().run.seed, []).append(read_json(run.result))
    means: dict[int, Mapping[str, Any]] = {}
    for seed, folds in by_seed.items():
        means[seed] = {
            "test": mean_scores([fold["test"] for fold in folds]),
            "no_projection": next(filter(None, (fold["no_projection"] for fold in folds)), None),
            "before_training": folds[0]["before_training"],  # The four start as one network.
        }
    # Other lines have no intervals.
    combined = {metric: {**one, "interval_95": None} for metric, one in result["concatenated"]["scores"].items()}
    sizes = {name: f"{name}, {result[name]['embedding_size']}-D" for name in ("separated", "concatenated")}
    return [
        _Source({**flat, "mlrc": sizes["separated"]}, means),
        _Source({**flat, "mlrc": sizes["concatenated"]}, {}, combined),
    ]


def _settings_of(run: RunDirectory) -> dict[str, Any]:
    return {**effective_settings(run.load_settings()), "images": run.data_digest[:8]}


def _line(group: _Source, flats: Sequence[Mapping[str, Any]]) -> Line:
    before: dict[str, dict[int, Mapping[str, float]]] = {}
    for seed, result in group.results.items():
        for row, scores in start_rows(result["before_training"]).items():
            before.setdefault(row, {})[seed] = scores
    whys = {seed: result["no_projection"] for seed, result in group.results.items()}
    return Line(
        _name(group.flat, flats),
        group.flat["dataset"],
        {seed: result["test"] for seed, result in group.results.items()},
        before,
        {seed: why for seed, why in whys.items() if why},
        group.combined,
    )


def _name(flat: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> str:
    return " ".join([flat["dataset"], flat["loss"], *(f"{n}={flat[n]}" for n in differing_names(flat, others))])
