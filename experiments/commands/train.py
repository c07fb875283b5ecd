"""main.py train."""

from __future__ import annotations

from absl.flags import FlagValues

from ccp.errors import ConfigError
from experiments.commands.command_flags import Flag
from experiments.commands.command_line import Command, listing
from experiments.commands.mlrc import train_folds
from experiments.commands.run_flags import note_no_projection, note_unreadable, note_without_labels
from experiments.commands.setting_flags import chosen_settings, default_run_dir, training_flags
from experiments.settings import Settings
from experiments.start_rows import start_rows

_EXAMPLE = """\
  main.py train --dataset=digits --loss=ccp/contrastive
  main.py train --dataset=folder --data_dir=photos --backbone=resnet50 --weights=imagenet
  main.py train --dataset=folder --data_dir=photos --test_fraction=0
  main.py train --dataset=folder --data_dir=photos --labels=none
  main.py train --dataset=cub --data_dir=cub --weights=bn_inception.h5 --loss=proxy_anchor --seed=1

The first one trains in runs/digits-ccp-contrastive-seed0; the same command resumes it. The third
one trains on all classes and evaluates on other images of them, the fourth one without labels.
Which values are presets for a data set, a loss and a backbone, main.py presets shows."""


def train(values: FlagValues) -> int:
    """Trains a run, or resumes one, and evaluates it; or several that differ in the seed."""
    settings = chosen_settings(values)
    if values.repeats == 1 and values.repeat is None:
        return _train_one(settings, values.run_dir or default_run_dir(settings, f"seed{settings.run.seed}"))
    if values.repeat is not None:  # As in the original code.
        if values["validation"].present:
            raise ConfigError("--repeat trains whole protocols, which say what is held out; leave --validation out.")
        if not settings.data.conventional:
            return train_folds(settings, values.run_dir, values.repeat)
    repeats = values.repeat or values.repeats
    return _train_repeats(settings, values.run_dir or default_run_dir(settings, "repeats"), repeats)


def _train_one(settings: Settings, run_dir: str) -> int:
    from evaluate.metrics.table import score_table
    from experiments.run_figures import draw_run
    from experiments.stopping import until_stopped
    from experiments.train import train_run

    name = settings.loss.loss
    with until_stopped(settings.run.strategy, settings.loop.jit_compile) as stop:
        result = train_run(settings, run_dir, name, stop)
    print(score_table({**start_rows(result["before_training"]), f"{name}, {result['test_classes']}": result["test"]}))
    note_without_labels(result)
    note_no_projection(result)
    note_unreadable(result, run_dir)
    print(listing([("run", run_dir), *(("figure", path) for path in draw_run(run_dir))]))
    return 0


def _train_repeats(settings: Settings, run_dir: str, repeats: int) -> int:
    from experiments.repeats import run_repeats
    from experiments.stopping import until_stopped

    with until_stopped(settings.run.strategy, settings.loop.jit_compile) as stop:
        table = run_repeats(settings, run_dir, repeats, stop)
    print(table)
    return 0


COMMAND = Command(
    "train a network, with CCP or without, and evaluate it",
    train,
    lambda: [
        *training_flags(),
        Flag("repeats", "trainings, with the seeds seed, seed + 1, …", 1, at_least=1, group="Repetition"),
        Flag(
            "repeat",
            "as in the original code: mlrc --repeats=…, or with --conventional train --repeats=…",
            kind=int,
            at_least=1,
            group="Repetition",
        ),
    ],
    example=_EXAMPLE,
)
