"""One run, trained to its end and evaluated."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ccp.distribution.replicas import replicas_of
from ccp.keras_api import check_optimizer
from ccp.training.progress_display import ProgressDisplay
from datasets.files import read_json, save_json
from experiments.before_training import score_start
from experiments.board import TensorBoard
from experiments.class_groups import draw_by_group
from experiments.description import describe
from experiments.experiment import Experiment
from experiments.logs import Log, check_logs, opened_logs
from experiments.no_projection import no_projection
from experiments.run_callbacks import RunLog
from experiments.run_directory import RunDirectory
from experiments.settings import Settings
from experiments.stopping import NEVER, StopRequest
from experiments.workers import check_same_directory, wait_for_result
from models.weights.start_weights import check_start_weights

_MAX_SCATTERED = 1000


def train_run(
    settings: Settings,
    run_dir: str | os.PathLike,
    title: str,
    should_stop: StopRequest = NEVER,
) -> dict[str, Any]:
    """Trains a run to its end, resuming it if it was interrupted, and evaluates its best weights.

    Args:
      settings: the run's settings.
      run_dir: where everything is kept.
      title: shown with the progress.
      should_stop: stops it.

    Returns:
      The contents of the run's ``result.json``.
    """
    run = RunDirectory(run_dir)
    if settings.run.strategy == "multi_worker" and run.finished(settings):
        return read_json(run.result)  # The other processes may have ended.
    # What is refused until the directory is claimed leaves nothing behind.
    check_start_weights(settings.network)
    check_optimizer(settings.optimizer.optimizer)
    check_logs(settings.run.logs)
    replicas = replicas_of(settings.run.strategy, settings.batch.size, settings.run.worker_timeout)
    experiment = Experiment(settings, run.bad_images, replicas)
    if not replicas.any(replicas.is_chief and run.has_trained_step):
        experiment.load_start_weights()
    digest = experiment.data_digest
    with contextlib.ExitStack() as stack:
        if replicas.is_chief:
            stack.enter_context(run.claimed(settings, digest))
        check_same_directory(replicas, run)
        logs = stack.enter_context(opened_logs(settings.run.logs if replicas.is_chief else [], run, settings))
        trainer = experiment.trainer(run, _callbacks(experiment, run, title, logs), should_stop)
        if replicas.is_chief:
            run.record(settings, digest)
        _score_start_once(experiment, run)
        draw_by_group(experiment, run)
        with should_stop.training():
            progress = trainer.fit()
        tested = experiment.embed(experiment.splits.test, shared=True)
        result = {
            **describe(experiment),  # After all images have been read.
            "epochs": progress.epoch,
            "best_epoch": progress.best_epoch,
            "projections": progress.last_logs["projections"],
            "no_projection": no_projection(settings, progress.last_logs["projections"]),
            "validation": {settings.loop.monitor: progress.best_score},
            "test": tested.result.means,
            "before_training": run.load_before_training(),
            "retrieval": tested.result.protocol,
        }
        if replicas.is_chief:
            run.finish(tested.embeddings, tested.indices, result)
        for log in logs:
            log.keep(tested.result.means)
        wait_for_result(replicas, run)
    return result


def _score_start_once(experiment: Experiment, run: RunDirectory) -> None:
    """Keeps what the network scores before the first step; a resumed run has it already."""
    replicas = experiment.replicas
    if replicas.any(replicas.is_chief and (run.before_training.exists() or run.has_trained_step)):
        return
    scores = score_start(experiment)
    if replicas.is_chief:
        save_json(run.before_training, scores)


def _callbacks(
    experiment: Experiment, run: RunDirectory, title: str, logs: Sequence[Log]
) -> list[tf.keras.callbacks.Callback]:
    if not experiment.replicas.is_chief:
        return []
    settings = experiment.settings
    boards = [TensorBoard(run, lambda: experiment.validator.embedded)] if "tensorboard" in settings.run.logs else []
    return [
        RunLog(run, lambda: experiment.embed_spread(experiment.splits.train, _MAX_SCATTERED)),
        *boards,
        *(log.callback for log in logs),
        ProgressDisplay(title, settings.batch.size),
    ]
