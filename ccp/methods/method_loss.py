"""What losses share that put a training method around a pair loss."""

from __future__ import annotations

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.references.class_proxies import ClassProxies


class MethodLoss(WholeBatchLoss):
    """A loss that calls a pair loss, and holds variables of its own.

    Calling it is a training step as far as its state goes: counters count and running statistics run. Keras' ``fit``
    would leave the variables untrained and feed them with validation batches: use ``ccp.Trainer``.

    Args:
      pair_loss: any ``PairLoss``; what it holds is part of this loss.
      proxies: the class proxies, for a method that needs them.
    """

    def __init__(self, pair_loss: PairLoss, proxies: ClassProxies | None = None, name: str | None = None, **kwargs):
        super().__init__(name=name, **kwargs)
        self.pair_loss, self.proxies = pair_loss, proxies

    def get_config(self) -> dict:
        """The constructor's arguments; the variables' values are not part of it."""
        config = {
            "name": self.name,
            "pair_loss": tf.keras.losses.serialize(self.pair_loss),
        }
        if self.proxies is not None:
            config["proxies"] = tf.keras.layers.serialize(self.proxies)
        return config

    @classmethod
    def from_config(cls, config: dict) -> MethodLoss:
        """Builds the loss with fresh variables; load a checkpoint to fill them."""
        config = dict(config)
        config["pair_loss"] = tf.keras.losses.deserialize(config["pair_loss"])
        if "proxies" in config:
            config["proxies"] = tf.keras.layers.deserialize(config["proxies"])
        return cls(**config)
