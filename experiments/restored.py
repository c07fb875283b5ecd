"""A run taken up again to be judged, exported or looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ccp.errors import ConfigError
from datasets.registry import DATA_SETS
from experiments.experiment import Experiment
from experiments.run_directory import RunDirectory, RunError


def restored_experiment(
    run_dir: str, data_dir: str | None = None, on_bad_image: str | None = None
) -> tuple[Experiment, Mapping[str, Any]]:
    """A run's experiment with the best weights so far in the network, and how far the run is.

    Args:
      run_dir: of the run.
      data_dir: where its data lie now, if they have moved.
      on_bad_image: ``stop`` or ``skip``; None for what the run does.

    Raises:
      RunError: the directory holds no run, or one that has not saved anything yet.
    """
    run = RunDirectory(run_dir)
    settings = run.load_settings()
    if data_dir and not (DATA_SETS[settings.data.dataset].in_folder or DATA_SETS[settings.data.dataset].own_images):
        raise ConfigError(f"--data_dir has no effect on a run with {settings.data.dataset}; leave it out.")
    changes = {"on_bad_image": on_bad_image} if on_bad_image else {}
    if data_dir:
        changes["data_dir"] = os.path.abspath(data_dir)
        listing = settings.data.manifest
        moved = os.path.join(data_dir, os.path.basename(listing))
        if listing and not os.path.exists(listing) and os.path.exists(moved):
            changes["manifest"] = moved  # It has moved with its images.
    settings = settings.replaced(**changes)
    experiment = Experiment(settings, run.bad_images)
    run.check_data(experiment.data_digest)
    trainer = experiment.trainer(run)
    if not trainer.restore():
        raise RunError(f"{run.path} has no checkpoint yet; let main.py train go on in it for an epoch.")
    trainer.overall_best.put_back()
    progress = trainer.progress
    return experiment, {"epochs": progress.epoch, "best_epoch": progress.best_epoch, "finished": progress.finished}
