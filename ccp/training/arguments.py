"""Arguments that Keras users give in several forms."""

from __future__ import annotations

import contextlib
from typing import Any

import tensorflow as tf

from ccp.errors import ConfigError
from ccp.training.optimizers import OptimizerLike
from ccp.training.settings import OptimizerSettings


def checked_loss(loss: Any) -> Any:
    """The loss.

    Raises:
      ConfigError: it is a name or a class, and not a loss.
    """
    if callable(loss) and not isinstance(loss, type):
        return loss
    given = f"the class {loss.__name__}" if isinstance(loss, type) else repr(loss)
    raise ConfigError(
        "The loss must be a loss of this package, made with its arguments, such as ccp.ContrastiveLoss(), or a "
        f"function of labels [batch] and embeddings; got {given}. dir(ccp) lists the losses."
    )


def checked_optimizer(optimizer: Any, allow_settings: bool = False) -> OptimizerLike:
    """The optimizer; a name stands for Keras' optimizer with its defaults.

    Raises:
      ConfigError: it is neither an optimizer nor the name of one, nor settings where these are allowed.
    """
    if isinstance(optimizer, str):
        with contextlib.suppress(ValueError):
            return tf.keras.optimizers.get(optimizer)
    is_optimizer = hasattr(optimizer, "apply_gradients") and not isinstance(optimizer, type)
    if is_optimizer or (allow_settings and isinstance(optimizer, OptimizerSettings)):
        return optimizer
    settings = ", or ccp.OptimizerSettings(…)" if allow_settings else ""
    raise ConfigError(
        "The optimizer must be a Keras optimizer, such as tf.keras.optimizers.Adam(1e-4), or the name of one"
        f"{settings}; got {optimizer!r}."
    )
