"""Keras callbacks around training, and what is added to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from ccp.projection.projector import Projection


def announce(callbacks: Iterable[Any], projection: Projection | None) -> None:
    """Calls ``on_projection(projection)`` of the callbacks that have it, if there is a projection."""
    for callback in callbacks:
        if projection is not None and hasattr(callback, "on_projection"):
            callback.on_projection(projection)


def callback_list(
    callbacks: Sequence[tf.keras.callbacks.Callback],
    model: tf.keras.Model,
    optimizer: tf.keras.optimizers.Optimizer,
    **params: Any,
) -> tf.keras.callbacks.CallbackList:
    """Callbacks that see a network as if Keras trained it.

    Args:
      callbacks: Keras callbacks.
      model: the network; if it is not compiled, it gets ``optimizer``.
      optimizer: callbacks read its configuration and set its learning rate.
      params: see ``tf.keras.callbacks.Callback.params``.
    """
    model.stop_training = False
    if getattr(model, "optimizer", None) is None:
        model.optimizer = optimizer
    return tf.keras.callbacks.CallbackList(list(callbacks), model=model, verbose=0, **params)
