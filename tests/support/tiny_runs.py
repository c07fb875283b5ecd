"""A small real run, trained once for all tests of a process."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
from unittest import mock

import tensorflow as tf

from experiments.presets import preset_settings
from experiments.settings import Settings
from experiments.stopping import StopRequest
from experiments.train import train_run

_SMALL = {
    "width": 4,
    "embedding_size": 8,
    "image_size": 16,
    "learning_rate": 1e-3,
    "classes_per_batch": 3,
    "examples_per_class": 2,
    "steps_per_epoch": 2,
    "max_epochs": 2,
}
_PROJECTING = {"projection": "period", "projection_period": 1, "proxies_per_class": 2, "pool_size": 3}

# One step of a training on tests.support.photographs, for protocols of many trainings.
ONE_STEP = {
    "dataset": "folder",
    "loss": "contrastive",
    "image_size": 12,
    "width": 4,
    "embedding_size": 3,
    "classes_per_batch": 3,
    "steps_per_epoch": 1,
    "max_epochs": 1,
    "learning_rate": 1e-2,
    "seed": 5,
}


class StopsAtOnce(StopRequest):
    """Ends a training after its first step."""

    def __call__(self) -> bool:
        return True


def no_board(*_) -> tf.keras.callbacks.Callback:
    """Replaces ``TensorBoard`` where its figures, a third of a small training's time, are not under test."""
    return tf.keras.callbacks.Callback()


def train_quickly(settings: Settings, run_dir: str | os.PathLike, **more) -> dict:
    """``train_run`` without TensorBoard."""
    with mock.patch("experiments.train.TensorBoard", no_board):
        return train_run(settings, run_dir, "a test", **more)


@functools.cache
def digits(loss: str, seed: int = 0) -> str:
    """The directory of a finished run on digits; CCP projects once."""
    projecting = _PROJECTING if loss.startswith("ccp/") else {}
    given = {**_SMALL, **projecting, "dataset": "digits", "loss": loss, "seed": seed}
    run_dir = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, run_dir, ignore_errors=True)
    train_quickly(preset_settings(**given), run_dir)
    return run_dir
