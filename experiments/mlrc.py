"""The 4-fold protocol of "A Metric Learning Reality Check" (Musgrave et al., ECCV 2020), as the paper uses it."""

from __future__ import annotations

import logging
from typing import Any

from ccp.distribution.replicas import replicas_of
from ccp.errors import UserError
from datasets.examples import split_examples
from datasets.files import read_json, save_json
from datasets.manifest import TEST, VALIDATION, Manifest
from datasets.reading import load
from datasets.splits import NUM_FOLDS, make_splits
from experiments.mlrc_directory import MlrcDirectory
from experiments.mlrc_scores import concatenated_scores, separated_scores
from experiments.settings import Settings
from experiments.stopping import NEVER, StopRequest
from experiments.train import train_run
from experiments.workers import is_chief

_log = logging.getLogger("ccp")


def run_mlrc(settings: Settings, directory: str, repeats: int, should_stop: StopRequest = NEVER) -> dict[str, Any]:
    """Trains four folds, several times, and evaluates the models singly and concatenated; see ``mlrc_scores``.

    Fold f holds out quarter 4 − f of the training classes to select its model; repeat i has seed ``seed`` + i. Each
    model is a run in ``directory`` that is resumed after a kill; finished ones are not repeated.

    Args:
      settings: of every run, but for fold and seed.
      directory: where all is kept.
      repeats: trainings of each fold.
      should_stop: stops it.

    Returns:
      The contents of ``mlrc.json``; empty for processes other than the chief.

    Raises:
      UserError: the data set has too few classes, or validation images.
    """
    home = MlrcDirectory(directory)
    keys = [(fold, repeat) for repeat in range(repeats) for fold in range(1, NUM_FOLDS + 1)]
    models = {
        (fold, repeat): settings.replaced(validation=f"fold{fold}", seed=settings.run.seed + repeat)
        for fold, repeat in keys
    }
    runs = {key: home.run(*key) for key in keys}

    trained = all(run.finished(models[key]) for key, run in runs.items())
    if trained and not is_chief(settings.run.strategy):
        return {}
    # The chief does the rest alone: the other processes may have ended.
    strategy = "none" if trained else settings.run.strategy
    replicas = replicas_of(strategy, settings.batch.size, settings.run.worker_timeout)
    manifest = load(settings.data)
    _check_folds(manifest, settings)
    digest = manifest.digest()
    for (fold, repeat), run in runs.items():
        title = f"fold {fold}, repeat {repeat + 1} of {repeats}"
        finished = False
        if replicas.is_chief:
            with run.claimed(models[fold, repeat], digest):  # Refuses a run with other settings or data.
                finished = run.finished(models[fold, repeat])
        if replicas.any(finished):
            _log.info("%s: finished already", title)
        else:
            train_run(models[fold, repeat], run.path, title, should_stop)
    if not replicas.is_chief:
        return {}
    results = {key: read_json(run.result) for key, run in runs.items()}
    first = results[1, 0]
    result = {
        "dataset": settings.data.dataset,
        "loss": settings.loss.loss,
        "repeats": repeats,
        "settings": first["settings"],
        "data": {
            "test": first["data"]["test"],
            "unreadable_images_left_out": max(one["data"]["unreadable_images_left_out"] for one in results.values()),
        },
        "protocol": first["protocol"],
        "separated": separated_scores(settings, results, repeats),
        "concatenated": concatenated_scores(
            settings, runs, split_examples(manifest, TEST, settings.data.crop_to_box), repeats
        ),
    }
    if not settings.data.select_on_test:
        result["protocol"]["model_selection"] = (
            "each of four models by the classes of one quarter of the training classes"
        )
    save_json(home.result, result)
    return result


def _check_folds(manifest: Manifest, settings: Settings) -> None:
    """Raises a UserError for a data set that has no four folds, before any of them has been trained for days."""
    if (manifest.splits == VALIDATION).any():
        raise UserError(
            f"{manifest.name} has its own validation images, and the protocol cuts its folds out of the training "
            "classes. Move them to the training images, or train with main.py train."
        )
    for fold in range(1, NUM_FOLDS + 1):
        make_splits(manifest, f"fold{fold}", settings.run.seed, settings.data.crop_to_box, settings.data.select_on_test)
