"""From a configuration to a loss."""

from __future__ import annotations

import tensorflow as tf

from ccp.config import LossConfig
from ccp.errors import ConfigError
from ccp.losses import (
    PAIR_LOSSES,
    CCPLoss,
    HierarchicalProxyLoss,
    MDRLoss,
    ProxySynthesisLoss,
    ReferenceLoss,
)
from ccp.memory import CrossBatchMemory
from ccp.proxies import ClassProxies

_CLASSES_PER_CLUSTER = 8


def build_loss(
    config: LossConfig, *, num_classes: int, embedding_size: int, batch_size: int, seed: int
) -> tf.keras.losses.Loss:
    """The pair loss with the reference sources of the training method that ``config.loss`` names.

    Args:
      config: loss, weights and sizes.
      num_classes: of the training set.
      embedding_size: as the network's.
      batch_size: of the training batches.
      seed: of proxies that start at random, and of what a loss draws.

    Raises:
      ConfigError: more clusters of classes are asked for than there are classes.
    """
    # Synthetic classes are other ones in every batch: what a loss learns cannot be theirs.
    lasting_classes = None if config.method == "proxy_synthesis" else num_classes
    pair_loss = PAIR_LOSSES[config.pair_loss].from_settings(config.settings, num_classes=lasting_classes, seed=seed)
    if config.method == "plain":
        return pair_loss
    if config.method == "mdr":
        return MDRLoss(pair_loss, config.distance_weight)
    memory = CrossBatchMemory(config.memory_batches * batch_size, embedding_size, config.memory_start_step)
    if config.method == "xbm":
        return ReferenceLoss(pair_loss, [(memory, config.memory_weight)], batch_weight=1.0, name="xbm")
    proxies = ClassProxies(num_classes, config.proxies_per_class, embedding_size, seed=seed)
    if config.method == "proxy":
        return ReferenceLoss(pair_loss, [(proxies, 1.0)], name="proxy")
    if config.method == "proxy_synthesis":
        return ProxySynthesisLoss(pair_loss, proxies, config.synthesis_alpha, config.synthesis_ratio, seed)
    if config.method == "hpl":
        num_coarse = config.coarse_classes or max(2, num_classes // _CLASSES_PER_CLUSTER)
        if not 2 <= num_coarse <= num_classes:
            raise ConfigError(f"coarse_classes must be from 2 to the {num_classes} training classes; got {num_coarse}.")
        return HierarchicalProxyLoss(pair_loss, proxies, num_coarse, config.coarse_weight, config.clustering_period)
    return CCPLoss(
        pair_loss,
        proxies,
        batch_weight=config.batch_weight,
        proxy_weight=config.proxy_weight,
        memory=memory if config.method == "ccp_xbm" else None,
        memory_weight=config.memory_weight,
    )
