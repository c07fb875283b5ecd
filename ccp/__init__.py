"""Deep metric learning with chance constraints, in TensorFlow.

Public names, the classes of all pair losses and training methods among them, are loaded when they are first used, so
that ``import ccp.settings`` does not load TensorFlow.
"""

from __future__ import annotations

import importlib

from ccp.losses.registry import MINING, PAIR_LOSSES
from ccp.methods.registry import METHODS

_HOMES = {
    "ccp.settings": ("setting",),
    "ccp.distances": (
        "lipschitz_normalize",
        "pairwise_euclidean",
        "pairwise_squared_euclidean",
        "cosine_similarity",
    ),
    "ccp.losses.pair_loss": ("PairLoss",),
    "ccp.losses.sum_of_losses": ("SumOfLosses",),
    "ccp.references.class_proxies": ("ClassProxies",),
    "ccp.references.cross_batch_memory": ("CrossBatchMemory",),
    "ccp.k_center": ("greedy_k_center",),
    "ccp.projection.proxy_reinitializer": ("ProxyReinitializer",),
    "ccp.projection.projector": ("Projector",),
    "ccp.training.trainer": ("Trainer",),
    "ccp.training.ccp_model": ("CCPModel",),
    "ccp.training.projecting_callbacks": ("ProjectEveryEpochs", "ProjectOnPlateau", "ProjectOnStaleness"),
    "ccp.balanced_dataset": ("balanced_batches",),
    "ccp.class_draws": ("DrawByGroup", "DrawBySize", "DrawEvenly", "near_classes"),
    "ccp.projection.settings": ("ProjectionSettings",),
    "ccp.training.settings": ("GradientSettings", "LoopSettings", "OptimizerSettings"),
}
_PATHS = [entry.path for registry in (PAIR_LOSSES, METHODS, MINING) for entry in registry.values() if entry.path]
_HOME_OF = {
    **{name: home for home, names in _HOMES.items() for name in names},
    **{name: home for home, _, name in (path.partition(":") for path in _PATHS)},
}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list, though not a literal one


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ccp' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
