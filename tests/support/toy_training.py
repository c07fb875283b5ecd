"""A small training that takes milliseconds: a linear embedding of given inputs, with scripted scores."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import ccp
from ccp.errors import Interrupted
from ccp.methods.build import Sizes, build_loss
from ccp.methods.registry import base_name, hyperparameters_of
from experiments.settings import configure

CLASSES, FEATURES, EMBEDDING, STEPS = 6, 12, 8, 3


def toy_settings(loss: str = "ccp/contrastive", **changes):
    """Settings of the toy; ``changes`` win."""
    settings = {
        "loss": loss,
        "embedding_size": EMBEDDING,
        "classes_per_batch": 4,
        "examples_per_class": 2,
        "steps_per_epoch": STEPS,
        "learning_rate": 0.01,
        "max_epochs": 6,
        "early_stopping": 100,
        "patience": 1,
        "pool_size": 5,
    }
    small = {"proxies_per_class": 2, "memory_batches": 2, "memory_start_step": 1}
    settings.update({key: small[base_name(key)] for key in hyperparameters_of(loss) if base_name(key) in small})
    return configure(settings, changes)


def toy_batches(epoch: int, step: int):
    """Endless batches, a function of their position."""
    while True:
        if step == STEPS:
            epoch, step = epoch + 1, 0
        generator = np.random.default_rng([7, epoch, step])
        labels = np.repeat(generator.permutation(CLASSES)[:4], 2)
        centers = np.random.default_rng(0).normal(size=(CLASSES, FEATURES))
        inputs = centers[labels] + 0.3 * generator.normal(size=(8, FEATURES))
        yield tf.constant(inputs, tf.float32), tf.constant(labels, tf.int64)
        step += 1


def toy_model(precision: str = "none") -> tf.keras.Model:
    """[batch, features] to [batch, embedding]: batch norm and a layer in ``precision``, and a head in float32."""
    initializer = tf.keras.initializers.GlorotUniform(seed=3)
    policy = "float32" if precision == "none" else f"mixed_{precision}"
    return tf.keras.Sequential(
        [
            tf.keras.Input((FEATURES,)),
            tf.keras.layers.BatchNormalization(dtype=policy),
            tf.keras.layers.Dense(FEATURES, kernel_initializer=tf.keras.initializers.Orthogonal(seed=2), dtype=policy),
            tf.keras.layers.Dense(EMBEDDING, use_bias=False, kernel_initializer=initializer, dtype="float32"),
        ]
    )


def toy_trainer(settings, scores: Sequence[float] = (), loss=None, **more) -> ccp.Trainer:
    """A trainer over the toy.

    Args:
      settings: from ``toy_settings``.
      scores: of the epochs, by their number; the last one repeats. None gives rising ones.
      loss: in place of the one that ``settings`` describes.
      more: for ``Trainer``.
    """
    model = toy_model(settings.network.mixed_precision)
    if loss is None:
        loss = build_loss(settings.loss.loss, settings.loss.hyperparameters, Sizes(CLASSES, EMBEDDING, 8))

    def candidates(draw, per_class):
        inputs = np.random.default_rng([9, draw]).normal(size=(CLASSES * per_class, FEATURES))
        return tf.reshape(model(tf.constant(inputs, tf.float32)), [CLASSES, per_class, EMBEDDING])

    def validate():
        epoch = trainer.progress.epoch
        return {"map_at_r": scores[min(epoch, len(scores) - 1)] if len(scores) else epoch * 0.1}

    given = {
        "batches": toy_batches,
        "validate": validate,
        "loop": settings.loop,
        "projection": settings.projection,
        "optimizer": settings.optimizer,
        "gradients": settings.gradients,
        "candidates": candidates,
        "head": model.layers[-1].trainable_variables,
        "verbose": False,
    }
    trainer = ccp.Trainer(model, loss, **{**given, **more})
    return trainer


def train_in_parts(settings, directory: str, stop_after: Sequence[int] = (), **more) -> ccp.Trainer:
    """Trains to the end, interrupted after each number of steps in ``stop_after``."""
    for steps in (*stop_after, None):
        done = itertools.count(1)
        should_stop = functools.partial(lambda at, steps: steps is not None and next(at) >= steps, done, steps)
        trainer = toy_trainer(settings, checkpoints=directory, should_stop=should_stop, **more)
        if steps is None:
            break
        try:
            trainer.fit()
        except Interrupted:
            continue
        raise AssertionError("was not interrupted")
    trainer.fit()
    return trainer


class EagerTest(parameterized.TestCase, tf.test.TestCase):
    """Tests of a few steps, which run eagerly: tracing would take longer."""

    def setUp(self):
        super().setUp()
        tf.config.run_functions_eagerly(True)
        self.addCleanup(tf.config.run_functions_eagerly, False)


class Watcher(tf.keras.callbacks.Callback):
    """Keeps what ``look()`` returns before the first step and after each."""

    def __init__(self, look: Callable[[], Any]):
        super().__init__()
        self.look, self.seen = look, []

    def on_train_begin(self, logs=None):
        self.seen.append(self.look())

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(self.look())


class Events(tf.keras.callbacks.Callback):
    """Writes down what happens, the logs of epochs, and the head's kernel after each epoch."""

    def __init__(self):
        super().__init__()
        self.events, self.logs, self.kernels = [], [], []

    def on_train_begin(self, logs=None):
        self.events.append("start")

    def on_train_batch_end(self, batch, logs=None):
        self.events.append("step")

    def on_projection(self, projection):
        self.events.append(f"projection {projection.index}")

    def on_train_end(self, logs=None):
        self.events.append("end")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(f"epoch {epoch + 1}")
        self.logs.append(logs)
        self.kernels.append(self.model.layers[-1].kernel.numpy())


def watched_trainer(settings, scores: Sequence[float], **more) -> tuple[ccp.Trainer, Events]:
    """A trainer over the toy, and what happens in it."""
    events = Events()
    return toy_trainer(settings, scores, callbacks=[events], **more), events


def saved_tensors(directory: str) -> dict[str, np.ndarray]:
    """Every tensor of the newest checkpoint, by name."""
    reader = tf.train.load_checkpoint(directory)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def assert_same_tensors(actual: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    """Fails unless both hold the same names with the same bits."""
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        if name.startswith(("save_counter", "_CHECKPOINTABLE_OBJECT_GRAPH")):
            continue  # How often was saved, and the layout: not part of the training's state.
        np.testing.assert_array_equal(actual[name], value, err_msg=name)
