"""The training on this side; ``python -m benchmarks.peers.training DATA_DIR DIRECTORY`` makes steps for ``speed``."""

from __future__ import annotations

import pathlib
import sys

import numpy as np
import tensorflow as tf

from benchmarks.peers.turns import serve
from ccp.training.training_step import TrainingStep
from experiments.experiment import Experiment
from experiments.presets import preset_settings

_EPOCHS = 10


def peer_experiment(data_dir: str, loss: str, seed: int) -> Experiment:
    """Omniglot with its preset: a network from scratch, here for 10 epochs of 50 steps."""
    chosen = {"dataset": "omniglot", "data_dir": data_dir, "loss": loss, "seed": seed}
    return Experiment(preset_settings(**chosen, max_epochs=_EPOCHS))


def training_step(experiment: Experiment) -> TrainingStep:
    """The step that ``ccp.Trainer`` makes."""
    settings = experiment.settings
    return TrainingStep(experiment.model, experiment.loss, settings.optimizer, settings.gradients)


def train(experiment: Experiment, directory: pathlib.Path) -> list[float]:
    """Trains on the batches of an exchange, in their order; the network keeps the weights of the last step.

    Args:
      experiment: with its start weights.
      directory: of the seed.

    Returns:
      The loss at each step.
    """
    step = training_step(experiment)
    losses = [step(tf.constant(images), tf.constant(labels)).loss for images, labels in _batches(directory)]
    return [float(loss) for loss in losses]


def _batches(directory: pathlib.Path):
    return zip(np.load(directory / "batches.npy", mmap_mode="r"), np.load(directory / "labels.npy"))


if __name__ == "__main__":
    data_dir, own = sys.argv[1], pathlib.Path(sys.argv[2])
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    timed = training_step(peer_experiment(data_dir, own.name, int(own.parent.name[len("seed") :])))
    batches = [(np.array(images), labels) for (images, labels), _ in zip(_batches(own.parent), range(20))]
    serve(lambda at: timed(*map(tf.constant, batches[at % len(batches)])).loss.numpy())
