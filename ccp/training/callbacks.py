"""Keras callbacks around training, and what is added to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ccp.errors import ConfigError
from ccp.projection.projector import Projection

_MONITORING = (
    tf.keras.callbacks.EarlyStopping,
    tf.keras.callbacks.ModelCheckpoint,
    tf.keras.callbacks.ReduceLROnPlateau,
)


def announce(callbacks: Iterable[Any], projection: Projection | None) -> None:
    """Calls ``on_projection(projection)`` of the callbacks that have it, if there is a projection."""
    for callback in callbacks:
        if projection is not None and hasattr(callback, "on_projection"):
            callback.on_projection(projection)


def _has_batch_methods(callback: tf.keras.callbacks.Callback) -> bool:
    names = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")
    methods = ((getattr(callback, name), getattr(tf.keras.callbacks.Callback, name)) for name in names)
    return any(getattr(own, "__func__", own) is not inherited for own, inherited in methods)


class TrainerCallbacks:
    """Keras callbacks that see a network as if Keras trained it.

    Like Keras' ``CallbackList``, but the logs reach callbacks as they are: Keras 3 sorts them and makes every number a
    float.

    Args:
      callbacks: Keras callbacks.
      model: the network.
      params: see ``tf.keras.callbacks.Callback.params``.
    """

    def __init__(
        self,
        callbacks: Sequence[tf.keras.callbacks.Callback],
        model: tf.keras.Model,
        **params: Any,
    ):
        model.stop_training = False
        self._callbacks = list(callbacks)
        self._of_batches = [callback for callback in callbacks if _has_batch_methods(callback)]
        for callback in self._callbacks:
            callback.set_params({"verbose": 0, **params})
            callback.set_model(model)

    def notify(self, event: str, *arguments: Any) -> None:
        """Calls the method ``event`` of each callback, as ``on_epoch_end``."""
        for callback in self._callbacks:
            getattr(callback, event)(*arguments)

    def check_monitors(self, logs: Mapping[str, Any]) -> None:
        """Raises a ConfigError for a callback that waits for a score that an epoch's logs do not have.

        Keras warns alone, and an ``EarlyStopping`` then never stops.
        """
        for callback in self._callbacks:
            follows = isinstance(callback, _MONITORING) and getattr(callback, "save_best_only", True)
            if follows and callback.monitor not in logs:
                raise ConfigError(
                    f"{type(callback).__name__} monitors {callback.monitor}, and the logs of an epoch hold "
                    f"{', '.join(logs)}. Pass monitor=, one of these."
                )

    def notify_of_batch(self, event: str, step: int, **logs: Any) -> None:
        """Calls the method of those callbacks that define any for batches.

        The logs are read from the device, except for callbacks that take tensors; Keras 2 has the same mark.
        """
        for callback in self._of_batches:
            takes_tensors = getattr(callback, "_supports_tf_logs", False)
            getattr(callback, event)(step, logs if takes_tensors else {name: float(logs[name]) for name in logs})
