"""CCP's loss."""

from __future__ import annotations

import tensorflow as tf

from ccp.losses.pair_loss import PairLoss
from ccp.references.class_proxies import ClassProxies
from ccp.references.cross_batch_memory import CrossBatchMemory
from ccp.references.reference_loss import ReferenceLoss


@tf.keras.saving.register_keras_serializable(package="ccp")
class CCPLoss(ReferenceLoss):
    """batch_weight · pair loss on the batch + proxy_weight · pair loss on the proxies (arXiv 2209.09060).

    The proxies are re-initialised by the trainer at every projection; between projections they are
    trained like any weights. With a memory, CCP and XBM work together.

    Args:
      pair_loss: any ``PairLoss``.
      proxies: the class proxies.
      batch_weight: 0.1 in the original code, for pretrained networks.
      proxy_weight: 1 in the original code.
      memory: a cross-batch memory as a third reference set, or None.
      memory_weight: its weight.
    """

    def __init__(
        self,
        pair_loss: PairLoss,
        proxies: ClassProxies,
        batch_weight: float = 0.1,
        proxy_weight: float = 1.0,
        memory: CrossBatchMemory | None = None,
        memory_weight: float = 1.0,
        name: str = "ccp",
        **kwargs,
    ):
        sources = [(proxies, proxy_weight)] + ([(memory, memory_weight)] if memory is not None else [])
        super().__init__(pair_loss, sources, batch_weight, name=name, **kwargs)
        self.proxies, self.proxy_weight = proxies, float(proxy_weight)
        self.memory, self.memory_weight = memory, float(memory_weight)

    def get_config(self) -> dict:
        """The constructor's arguments; the proxies' and the memory's contents are not part of it."""
        config = super().get_config()
        del config["sources"]
        return {
            **config,
            "proxies": tf.keras.layers.serialize(self.proxies),
            "proxy_weight": self.proxy_weight,
            "memory": None if self.memory is None else tf.keras.layers.serialize(self.memory),
            "memory_weight": self.memory_weight,
        }

    @classmethod
    def from_config(cls, config: dict) -> CCPLoss:
        """Builds the loss with fresh proxies and an empty memory."""
        config = dict(config)
        config["pair_loss"] = tf.keras.losses.deserialize(config["pair_loss"])
        config["proxies"] = tf.keras.layers.deserialize(config["proxies"])
        if config["memory"] is not None:
            config["memory"] = tf.keras.layers.deserialize(config["memory"])
        return cls(**config)
