"""main.py mlrc."""

from __future__ import annotations

import os

from absl.flags import FlagValues

from ccp.errors import ConfigError
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.run_flags import note_unreadable
from experiments.commands.setting_flags import chosen_settings, default_run_dir, training_flags
from experiments.settings import Settings


def mlrc(values: FlagValues) -> int:
    """Trains four folds, several times, and evaluates the models singly and concatenated."""
    if values["validation"].present:
        raise ConfigError("main.py mlrc holds out each of four folds in turn; leave --validation out.")
    settings = chosen_settings(values)
    if settings.data.conventional:
        raise ConfigError("--conventional is another protocol, of one model: main.py train --conventional --repeats=3.")
    if settings.data.labels == "none":
        raise ConfigError("main.py mlrc holds classes out, which needs labels; leave --labels=none out, or use train.")
    return train_folds(settings, values.run_dir, values.repeats)


def train_folds(settings: Settings, run_dir: str | None, repeats: int) -> int:
    """Runs the protocol and prints its results."""
    run_dir = run_dir or default_run_dir(settings, "mlrc")

    from experiments.mlrc import run_mlrc
    from experiments.mlrc_directory import MlrcDirectory
    from experiments.mlrc_scores import mlrc_table
    from experiments.stopping import until_stopped

    with until_stopped(settings.run.strategy, settings.loop.jit_compile) as stop:
        result = run_mlrc(settings, run_dir, repeats, stop)
    print(mlrc_table(result))
    note_unreadable(result, os.path.join(run_dir, "fold*"))
    print(listing([("result", MlrcDirectory(run_dir).result)]))
    return 0


COMMAND = Command(
    "run the 4-fold protocol (MLRC): train and evaluate four folds, several times",
    mlrc,
    lambda: [
        *training_flags(),
        Flag("repeats", "trainings of each fold, with the seeds seed, seed + 1, …", 3, at_least=1, group="Repetition"),
    ],
)
