"""One training of the study as ``main.py train``, and the small result that is kept of it."""

from __future__ import annotations

import json
import pathlib
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from benchmarks.study.runs import DATA_SETS, Run
from datasets.files import read_json, save_text
from evaluate.geometry import geometry_by_projection
from evaluate.metrics.registry import STANDARD
from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = pathlib.Path(__file__).parent / "results"
_GEOMETRY = ("radius_by_proxies", "radius_by_previous_proxies", "class_distance_mean", "class_distance_min")
_CODE = ("main.py", "ccp", "datasets", "models", "evaluate", "experiments")
_PLACES = ("data_dir", "manifest", "cache", "strategy", "worker_timeout", "on_bad_image")


def result_file(results: pathlib.Path, run: Run) -> pathlib.Path:
    """Where the result of a run is kept."""
    return results / run.stage / f"{run.name}.json"


def command(run: Run, data_dir: pathlib.Path, run_dir: pathlib.Path) -> list[str]:
    """The command that trains a run."""
    settings = {**DATA_SETS[run.dataset], **run.flags, "seed": run.seed, "run_dir": run_dir}
    values = {name: str(value).replace("{}", str(data_dir)) for name, value in settings.items()}
    return [sys.executable, "main.py", "train", *(f"--{name}={value}" for name, value in values.items())]


def make(run: Run, data_dir: pathlib.Path, run_dir: pathlib.Path, results: pathlib.Path) -> str:
    """Trains a run, resuming it if it was interrupted, and keeps its result.

    Args:
      run: what to train.
      data_dir: holds the data sets' directories.
      run_dir: the run's directory.
      results: the directory of the results.

    Returns:
      A line about it.

    Raises:
      RuntimeError: the training ended with an error.
    """
    resumed = RunDirectory(run_dir).has_checkpoint
    start, before = time.monotonic(), _processor_seconds()
    run_dir.mkdir(parents=True, exist_ok=True)
    with open(run_dir / "output.txt", "a") as output:
        code = subprocess.call(command(run, data_dir, run_dir), cwd=ROOT, stdout=output, stderr=output)
    if code:
        raise RuntimeError(f"{run.name} ended with exit code {code}; {run_dir / 'output.txt'} says why.")
    # Of a run that was interrupted the time is not known.
    seconds = {"wall": time.monotonic() - start, "processor": _processor_seconds() - before}
    kept = small_result(run, RunDirectory(run_dir), None if resumed else seconds)
    path = result_file(results, run)
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in kept.items())
    save_text(path, f"{{\n{lines}\n}}\n")
    scores = ", ".join(f"{name} {kept['test'][name]:.4f}" for name in STANDARD)
    return f"{run.name}: {scores}; {kept['projections']} projections, {seconds['wall']:.0f} s"


def small_result(run: Run, directory: RunDirectory, seconds: Mapping[str, float] | None) -> dict[str, Any]:
    """What is kept of a finished run; scores are fractions, ``validation`` has a value for each epoch.

    Args:
      run: what was trained.
      directory: its directory.
      seconds: of this machine; None where they are not known.
    """
    result, epochs = read_json(directory.result), directory.records()
    settings = {name: value for name, value in directory.load_settings().flat().items() if name not in _PLACES}
    geometry = geometry_by_projection(read_projections(directory))
    return {
        "stage": run.stage,
        "dataset": run.dataset,
        "row": run.row,
        "base": run.base,
        "seed": run.seed,
        "revision": _revision(),
        "seconds": seconds and {name: round(value, 1) for name, value in seconds.items()},
        "settings": settings,
        "data": result["data"],
        "epochs": result["epochs"],
        "best_epoch": result["best_epoch"],
        "projections": result["projections"],
        "before_training": {
            row: {split: _scores(scores) for split, scores in by_split.items()}
            for row, by_split in result["before_training"].items()
        },
        "test": _scores(result["test"]),
        "validation": {name: [round(epoch[name], 5) for epoch in epochs] for name in STANDARD},
        "projected_after": [epoch["epoch"] for epoch in epochs if epoch["projected"]],
        "geometry": [_rounded({name: found[name] for name in _GEOMETRY}) for found in geometry],
    }


def _scores(scores: Mapping[str, float]) -> dict[str, float]:
    return _rounded({name: scores[name] for name in STANDARD})


def _rounded(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if value is None else round(value, 5) for name, value in values.items()}


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _revision() -> str:
    """The last commit that changed what trains, marked where files differ from it."""
    commit = _git("log", "-1", "--format=%h", "--abbrev=12", "--", *_CODE)
    return commit + ("-changed" if _git("status", "--porcelain", "--", *_CODE) else "")


def _git(*arguments: str) -> str:
    return subprocess.check_output(["git", *arguments], cwd=ROOT, text=True).strip()
