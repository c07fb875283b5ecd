"""A run's network in float32, whatever it was trained in."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from evaluate.experiment import Experiment
from models.embedding import build_embedding_model


def in_float32(experiment: Experiment) -> tf.keras.Model:
    """The run's network without mixed precision, which stores float32 weights all the same."""
    config = experiment.config
    if config.model.mixed_precision == "none":
        return experiment.model
    plain = dataclasses.replace(config.model, mixed_precision="none")
    network = build_embedding_model(plain, experiment.format.channels, config.loop.seed)
    network.set_weights(experiment.model.get_weights())
    return network
