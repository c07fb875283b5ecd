"""Deep metric learning with chance constraints, in TensorFlow.

Public names are loaded when they are first used, so that ``import ccp.config`` does not load TensorFlow.
"""

from __future__ import annotations

import importlib

_HOMES = {
    "ccp.distances": (
        "lipschitz_normalize",
        "pairwise_euclidean",
        "pairwise_squared_euclidean",
        "cosine_similarity",
    ),
    "ccp.losses": (
        "PairLoss",
        "ContrastiveLoss",
        "CosineContrastiveLoss",
        "TripletLoss",
        "MultiSimilarityLoss",
        "ProxyAnchorLoss",
        "ProxyNCALoss",
        "SoftTripleLoss",
        "VirtualSoftmaxLoss",
        "MarginLoss",
        "SemiHardTripletLoss",
        "HardTripletLoss",
        "LiftedStructureLoss",
        "NPairsLoss",
        "ReferenceLoss",
        "CCPLoss",
        "MDRLoss",
        "ProxySynthesisLoss",
        "HierarchicalProxyLoss",
    ),
    "ccp.proxies": ("ClassProxies",),
    "ccp.memory": ("CrossBatchMemory",),
    "ccp.k_center": ("greedy_k_center",),
    "ccp.reinitializer": ("ProxyReinitializer",),
    "ccp.trainer": ("Trainer",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list, though not a literal one


def __getattr__(name: str):
    if f"ccp.{name}" in _HOMES:
        return importlib.import_module(f"ccp.{name}")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ccp' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)
