"""From a configuration to a loss."""

from __future__ import annotations

import tensorflow as tf

from ccp.config import LossConfig
from ccp.losses import PAIR_LOSSES, CCPLoss, ReferenceLoss
from ccp.memory import CrossBatchMemory
from ccp.proxies import ClassProxies


def build_loss(
    config: LossConfig, *, num_classes: int, embedding_size: int, batch_size: int, seed: int
) -> tf.keras.losses.Loss:
    """The pair loss with the reference sources of the training method that ``config.loss`` names.

    Args:
      config: loss, weights and sizes.
      num_classes: of the training set.
      embedding_size: as the network's.
      batch_size: of the training batches.
      seed: of proxies that start at random.
    """
    pair_loss = PAIR_LOSSES[config.pair_loss](**config.settings)
    if config.method == "plain":
        return pair_loss
    memory = CrossBatchMemory(config.memory_batches * batch_size, embedding_size, config.memory_start_step)
    if config.method == "xbm":
        return ReferenceLoss(pair_loss, [(memory, config.memory_weight)], batch_weight=1.0, name="xbm")
    proxies = ClassProxies(num_classes, config.proxies_per_class, embedding_size, seed=seed)
    if config.method == "proxy":
        return ReferenceLoss(pair_loss, [(proxies, 1.0)], name="proxy")
    return CCPLoss(
        pair_loss,
        proxies,
        batch_weight=config.batch_weight,
        proxy_weight=config.proxy_weight,
        memory=memory if config.method == "ccp_xbm" else None,
        memory_weight=config.memory_weight,
    )
