"""A run with its best weights, to be evaluated, exported or reported."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np

from ccp.errors import ConfigError
from ccp.references.class_proxies import ClassProxies
from ccp.training.trainer import Trainer
from datasets.registry import DATA_SETS
from evaluate.embedded import Embedded
from experiments.description import describe
from experiments.experiment import Experiment
from experiments.run_directory import RunDirectory, RunError


class RestoredRun(NamedTuple):
    """A run with its best weights so far.

    Attributes:
      run: its directory.
      experiment: its data, and the network with these weights.
      trainer: as it was at the last checkpoint, with these weights and proxies.
    """

    run: RunDirectory
    experiment: Experiment
    trainer: Trainer

    @property
    def progress(self) -> dict[str, Any]:
        """How far the run is: ``epochs``, ``best_epoch``, ``finished``."""
        progress = self.trainer.progress
        return {"epochs": progress.epoch, "best_epoch": progress.best_epoch, "finished": progress.finished}

    @property
    def proxies(self) -> np.ndarray | None:
        """The class proxies [num_classes, proxies_per_class, embedding_size]; None if the loss has none.

        Those that projections re-initialise come first.
        """
        loss = self.trainer.loss
        for layer in (*getattr(loss, "projected", ()), *getattr(loss, "layers", ())):
            if isinstance(layer, ClassProxies):
                return layer.points.numpy()
        return None

    def embed(self, split: str = "test") -> Embedded:
        """The images of ``test`` or ``validation``; a finished run's test images as they were evaluated at its end."""
        examples = getattr(self.experiment.splits, split)
        if split != "test" or not self.run.has_result:
            return self.experiment.embed(examples)
        embeddings, kept = self.run.load_test_embeddings()
        return Embedded(embeddings, examples, kept)

    def describe(self) -> dict[str, Any]:
        """What was trained and how it is evaluated; see ``description``."""
        return describe(self.experiment)


def restore_run(
    run_dir: str | os.PathLike, data_dir: str | None = None, on_bad_image: str | None = None
) -> RestoredRun:
    """Restores the best weights of a run so far.

    Args:
      run_dir: of the run.
      data_dir: where its data are now, if they have moved.
      on_bad_image: ``stop`` or ``skip``; None for what the run does.

    Raises:
      RunError: the directory holds no run, or one that has not saved anything yet.
      ConfigError: the run's data set has no directory.
    """
    run = RunDirectory(run_dir)
    settings = run.load_settings()
    dataset = DATA_SETS[settings.data.dataset]
    changes = {"on_bad_image": on_bad_image} if on_bad_image else {}
    if data_dir:
        if not (dataset.in_folder or dataset.own_images):
            raise ConfigError(f"--data_dir has no effect on a run with {settings.data.dataset}; leave it out.")
        changes["data_dir"] = os.path.abspath(data_dir)
        listing = settings.data.manifest
        moved = os.path.join(data_dir, os.path.basename(listing))
        if listing and not os.path.exists(listing) and os.path.exists(moved):
            changes["manifest"] = moved  # It has moved with its images.
    experiment = Experiment(settings.replaced(**changes), run.bad_images)
    run.check_data(experiment.data_digest)
    trainer = experiment.trainer(run)
    if not trainer.restore():
        raise RunError(f"{run.path} has no checkpoint yet; resume it with main.py train for an epoch.")
    trainer.overall_best.put_back()
    return RestoredRun(run, experiment, trainer)
