"""A small ``CCPModel`` and its data, to be trained by ``fit`` in milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

import ccp

CLASSES, FEATURES, SIZE = 4, 6, 3
_CENTERS = np.random.default_rng(0).normal(size=(2 * CLASSES, FEATURES))


def _data(first: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of four classes, from ``first`` on, in noise."""
    labels = np.repeat(np.arange(CLASSES), 8)
    noise = 0.7 * np.random.default_rng(seed).normal(size=(len(labels), FEATURES))
    return (_CENTERS[labels + first] + noise).astype(np.float32), labels


IMAGES, LABELS = _data(0, 1)
VALIDATION = _data(CLASSES, 2)


def network() -> tf.keras.Model:
    """Not built: without an input layer."""
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.BatchNormalization(), tf.keras.layers.Dense(SIZE, kernel_regularizer="l2")]
    return tf.keras.Sequential(layers)


def ccp_loss() -> ccp.CCPLoss:
    return ccp.CCPLoss(ccp.ContrastiveLoss(0.0, 0.8), ccp.ClassProxies(CLASSES, 2, SIZE))


def batches(**more) -> tf.data.Dataset:
    """5 batches an epoch."""
    return ccp.balanced_batches(IMAGES, LABELS, **{"classes": 2, "per_class": 3, "seed": 5, **more})


def compiled(loss=None, rate: float = 0.01, **more) -> ccp.CCPModel:
    model = ccp.CCPModel(network(), loss or ccp_loss())
    model.compile(tf.keras.optimizers.Adam(rate), **more)
    return model


def fitted(model: ccp.CCPModel, epochs: int = 3, x=None, callbacks: Sequence = (), **more) -> dict[str, list[float]]:
    """Trains; returns the history. ``x`` of None is ``batches()``."""
    x = batches() if x is None else x
    more = {"validation_data": VALIDATION, "verbose": 0, **more}
    return model.fit(x, epochs=epochs, callbacks=list(callbacks), **more).history


class Projections(tf.keras.callbacks.Callback):
    """Keeps the projections that it is notified of, and the proxies before each epoch."""

    def __init__(self):
        super().__init__()
        self.seen, self.proxies = [], []

    def on_projection(self, projection):
        self.seen.append(projection)

    def on_epoch_begin(self, epoch, logs=None):
        self.proxies.append(self.model.training_loss.proxies.points.numpy())
