"""A run of the 4-fold protocol on disk: its models and its result. Free of TensorFlow."""

from __future__ import annotations

import os
import pathlib
import re
from typing import Any

from datasets.files import read_json
from experiments.run_directory import RunDirectory


class MlrcDirectory:
    """Everything that ``main.py mlrc`` leaves behind: a run for each fold and repeat, and ``mlrc.json``.

    Args:
      path: the directory.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = pathlib.Path(path)
        self.result = self.path / "mlrc.json"

    @property
    def exists(self) -> bool:
        """Whether the directory is that of a protocol, and not of a single run."""
        return not RunDirectory(self.path).settings.exists() and bool(self.runs())

    def run(self, fold: int, repeat: int) -> RunDirectory:
        """The run of a fold, from 1, and a repeat, from 0."""
        return RunDirectory(self.path / f"fold{fold}-repeat{repeat}")

    def runs(self, repeats: int | None = None) -> list[RunDirectory]:
        """Those that have begun, repeat by repeat; of the first ``repeats``, or of all."""
        found = (re.fullmatch(r"fold(\d)-repeat(\d+)", path.name) for path in self.path.glob("fold*-repeat*"))
        numbers = sorted((int(match[2]), int(match[1])) for match in found if match)
        runs = [self.run(fold, repeat) for repeat, fold in numbers if repeats is None or repeat < repeats]
        return [run for run in runs if run.settings.exists()]

    def load_result(self) -> dict[str, Any] | None:
        """What ``run_mlrc`` returned; None before all models are trained and evaluated."""
        return read_json(self.result) if self.result.exists() else None
