"""From ``METHOD/PAIR_LOSS`` and its hyperparameters to a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import tensorflow as tf

from ccp.errors import ConfigError
from ccp.losses.pair_loss import PairLoss
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.hierarchical_proxies import HierarchicalProxyLoss
from ccp.methods.mdr import MDRLoss
from ccp.methods.proxy_synthesis import ProxySynthesisLoss
from ccp.methods.registry import METHODS, hyperparameters_of, parse_loss
from ccp.references.ccp_loss import CCPLoss
from ccp.references.class_proxies import ClassProxies
from ccp.references.cross_batch_memory import CrossBatchMemory
from ccp.references.reference_loss import ReferenceLoss
from ccp.registry import imported

_CLASSES_PER_CLUSTER = 8


class Sizes(NamedTuple):
    """What a loss has to fit.

    Attributes:
      num_classes: of the training set.
      embedding_size: the network's.
      batch_size: of the training batches.
      seed: of proxies that start at random, and of what a loss draws.
    """

    num_classes: int
    embedding_size: int
    batch_size: int
    seed: int = 0


def build_loss(loss: str, hyperparameters: Mapping[str, Any], sizes: Sizes) -> tf.keras.losses.Loss:
    """The pair loss with the references of the training method that ``loss`` names.

    Args:
      loss: ``METHOD/PAIR_LOSS``.
      hyperparameters: of both, by name; those left out have their defaults.
      sizes: what it has to fit.

    Raises:
      ConfigError: more clusters of classes are asked for than there are classes.
    """
    method, pair_loss = parse_loss(loss)
    values = {name: setting.default for name, setting in hyperparameters_of(loss).items()} | dict(hyperparameters)
    own = {name: values[name] for name in PAIR_LOSSES[pair_loss].settings}
    # Synthetic classes differ from batch to batch: what a loss learns cannot be theirs.
    num_classes = None if method == "proxy_synthesis" else sizes.num_classes
    built = imported(PAIR_LOSSES[pair_loss].path).from_settings(own, num_classes=num_classes, seed=sizes.seed)
    return imported(METHODS[method].build)(built, values, sizes)


def plain(pair_loss: PairLoss, values: Mapping[str, Any], sizes: Sizes) -> tf.keras.losses.Loss:
    """The batch against itself."""
    return pair_loss


def mdr(pair_loss: PairLoss, values: Mapping[str, Any], sizes: Sizes) -> tf.keras.losses.Loss:
    """The batch against itself, with its distances regularised."""
    return MDRLoss(pair_loss, values["distance_weight"])


def xbm(pair_loss: PairLoss, values: Mapping[str, Any], sizes: Sizes) -> tf.keras.losses.Loss:
    """The batch against itself and against past embeddings."""
    return ReferenceLoss(pair_loss, [(_memory(values, sizes), values["memory_weight"])], batch_weight=1.0, name="xbm")


def proxy(pair_loss: PairLoss, values: Mapping[str, Any], sizes: Sizes) -> tf.keras.losses.Loss:
    """The batch against class proxies."""
    return ReferenceLoss(pair_loss, [(_proxies(values, sizes), 1.0)], name="proxy")


def proxy_synthesis(pair_loss: PairLoss, values: Mapping[str, Any], sizes: Sizes) -> tf.keras.losses.Loss:
    """The batch and synthetic classes against class proxies and synthetic ones."""
    proxies = _proxies(values, sizes)
    return ProxySynthesisLoss(pair_loss, proxies, values["synthesis_alpha"], values["synthesis_ratio"], sizes.seed)


def hierarchical(pair_loss: PairLoss, values: Mapping[str, Any], sizes: Sizes) -> tf.keras.losses.Loss:
    """The batch against class proxies and against those of clusters of classes."""
    num_coarse = values["coarse_classes"] or max(2, sizes.num_classes // _CLASSES_PER_CLUSTER)
    if not 2 <= num_coarse <= sizes.num_classes:
        raise ConfigError(
            f"coarse_classes must be from 2 to the {sizes.num_classes} training classes; got {num_coarse}."
        )
    proxies = _proxies(values, sizes)
    return HierarchicalProxyLoss(pair_loss, proxies, num_coarse, values["coarse_weight"], values["clustering_period"])


def ccp(pair_loss: PairLoss, values: Mapping[str, Any], sizes: Sizes) -> tf.keras.losses.Loss:
    """The batch against itself and against proxies that projections re-initialise; perhaps past embeddings too."""
    memory = {}
    if "memory_weight" in values:
        memory = {"memory": _memory(values, sizes), "memory_weight": values["memory_weight"]}
    return CCPLoss(pair_loss, _proxies(values, sizes), values["batch_weight"], values["proxy_weight"], **memory)


def _proxies(values: Mapping[str, Any], sizes: Sizes) -> ClassProxies:
    return ClassProxies(sizes.num_classes, values["proxies_per_class"], sizes.embedding_size, seed=sizes.seed)


def _memory(values: Mapping[str, Any], sizes: Sizes) -> CrossBatchMemory:
    capacity = values["memory_batches"] * sizes.batch_size
    return CrossBatchMemory(capacity, sizes.embedding_size, values["memory_start_step"])
