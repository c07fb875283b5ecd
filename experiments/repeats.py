"""One training with several seeds."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

from ccp.distribution.cluster import cluster_of
from experiments.compare import collect
from experiments.comparison_table import STYLES
from experiments.experiment import train_run
from experiments.settings import Settings


def run_repeats(
    settings: Settings, directory: str, repeats: int, should_stop: Callable[[], bool] = lambda: False
) -> str:
    """Trains and judges runs that differ in their seed: the conventional setting's repetitions.

    Args:
      settings: the settings of every run; repeat i has seed ``seed`` + i.
      directory: each run has one of its own in it, and goes on after a kill.
      repeats: how many.
      should_stop: see ``Trainer``.

    Returns:
      Their scores as a table, with mean and deviation; of several processes that train together, the chief alone.
    """
    runs = []
    for seed in range(settings.run.seed, settings.run.seed + repeats):
        one = settings.replaced(seed=seed)
        runs.append(str(pathlib.Path(directory) / f"seed{seed}"))
        train_run(one, runs[-1], f"{settings.loss.loss}, seed {seed}", should_stop)
    if settings.run.strategy == "multi_worker" and not cluster_of().is_chief:
        return ""
    return STYLES["text"](collect(runs)).rstrip("\n")
