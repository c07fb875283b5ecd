"""One training with several seeds."""

from __future__ import annotations

import pathlib

from experiments.compare import collect
from experiments.comparison_table import text_table
from experiments.settings import Settings
from experiments.stopping import NEVER, StopRequest
from experiments.train import train_run
from experiments.workers import is_chief


def run_repeats(settings: Settings, directory: str, repeats: int, should_stop: StopRequest = NEVER) -> str:
    """Trains and evaluates runs that differ in their seed.

    Args:
      settings: of every run; repeat i has seed ``seed`` + i.
      directory: each run has its directory in it, and is resumed after a kill.
      repeats: how many.
      should_stop: stops it.

    Returns:
      Their scores as a table, with mean and deviation; empty for processes other than the chief.
    """
    runs = []
    for seed in range(settings.run.seed, settings.run.seed + repeats):
        runs.append(str(pathlib.Path(directory) / f"seed{seed}"))
        train_run(settings.replaced(seed=seed), runs[-1], f"{settings.loss.loss}, seed {seed}", should_stop)
    if not is_chief(settings.run.strategy):
        return ""
    return text_table(collect(runs))
