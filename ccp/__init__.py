"""Deep metric learning with chance constraints, in TensorFlow.

Public names are loaded when they are first used, so that ``import ccp.settings`` does not load TensorFlow.
"""

from __future__ import annotations

import importlib

_HOMES = {
    "ccp.settings": ("setting",),
    "ccp.distances": (
        "lipschitz_normalize",
        "pairwise_euclidean",
        "pairwise_squared_euclidean",
        "cosine_similarity",
    ),
    "ccp.losses.pair_loss": ("PairLoss",),
    "ccp.losses.contrastive": ("ContrastiveLoss",),
    "ccp.losses.cosine_contrastive": ("CosineContrastiveLoss",),
    "ccp.losses.triplet": ("TripletLoss",),
    "ccp.losses.multi_similarity": ("MultiSimilarityLoss",),
    "ccp.losses.proxy_anchor": ("ProxyAnchorLoss",),
    "ccp.losses.proxy_nca": ("ProxyNCALoss",),
    "ccp.losses.soft_triple": ("SoftTripleLoss",),
    "ccp.losses.virtual_softmax": ("VirtualSoftmaxLoss",),
    "ccp.losses.margin": ("MarginLoss",),
    "ccp.losses.addons": ("SemiHardTripletLoss", "HardTripletLoss", "LiftedStructureLoss", "NPairsLoss"),
    "ccp.references.reference_loss": ("ReferenceLoss", "XBMLoss", "CCPLoss"),
    "ccp.references.class_proxies": ("ClassProxies",),
    "ccp.references.cross_batch_memory": ("CrossBatchMemory",),
    "ccp.methods.mdr": ("MDRLoss",),
    "ccp.methods.proxy_synthesis": ("ProxySynthesisLoss",),
    "ccp.methods.hierarchical_proxies": ("HierarchicalProxyLoss",),
    "ccp.projection.k_center": ("greedy_k_center",),
    "ccp.projection.proxy_reinitializer": ("ProxyReinitializer",),
    "ccp.projection.projector": ("Projector",),
    "ccp.training.trainer": ("Trainer",),
    "ccp.training.ccp_model": ("CCPModel",),
    "ccp.training.projecting_callbacks": ("ProjectEveryEpochs", "ProjectOnPlateau"),
    "ccp.training.balanced_batches": ("balanced_batches",),
    "ccp.training.settings": ("GradientSettings", "LoopSettings", "OptimizerSettings", "ProjectionSettings"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 - a list, though not a literal one


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ccp' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return __all__
