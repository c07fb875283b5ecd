"""Pair losses, and the losses that put a training method around them: XBM, proxies, CCP and others."""

from ccp.losses.addons import HardTripletLoss, LiftedStructureLoss, NPairsLoss, SemiHardTripletLoss
from ccp.losses.ccp import CCPLoss
from ccp.losses.contrastive import ContrastiveLoss, CosineContrastiveLoss
from ccp.losses.hierarchical import HierarchicalProxyLoss
from ccp.losses.margin import MarginLoss
from ccp.losses.mdr import MDRLoss
from ccp.losses.multi_similarity import MultiSimilarityLoss
from ccp.losses.pair_loss import PairLoss
from ccp.losses.proxy_anchor import ProxyAnchorLoss
from ccp.losses.proxy_nca import ProxyNCALoss
from ccp.losses.proxy_synthesis import ProxySynthesisLoss
from ccp.losses.references import ReferenceLoss
from ccp.losses.soft_triple import SoftTripleLoss
from ccp.losses.triplet import TripletLoss
from ccp.losses.virtual_softmax import VirtualSoftmaxLoss

PAIR_LOSSES = {
    "contrastive": ContrastiveLoss,
    "cosine_contrastive": CosineContrastiveLoss,
    "triplet": TripletLoss,
    "multi_similarity": MultiSimilarityLoss,
    "proxy_anchor": ProxyAnchorLoss,
    "proxy_nca": ProxyNCALoss,
    "soft_triple": SoftTripleLoss,
    "virtual_softmax": VirtualSoftmaxLoss,
    "margin": MarginLoss,
    "semi_hard_triplet": SemiHardTripletLoss,
    "hard_triplet": HardTripletLoss,
    "lifted_structure": LiftedStructureLoss,
    "npairs": NPairsLoss,
}

__all__ = [
    "PAIR_LOSSES",
    "CCPLoss",
    "ContrastiveLoss",
    "CosineContrastiveLoss",
    "HardTripletLoss",
    "HierarchicalProxyLoss",
    "LiftedStructureLoss",
    "MDRLoss",
    "MarginLoss",
    "MultiSimilarityLoss",
    "NPairsLoss",
    "PairLoss",
    "ProxyAnchorLoss",
    "ProxyNCALoss",
    "ProxySynthesisLoss",
    "ReferenceLoss",
    "SemiHardTripletLoss",
    "SoftTripleLoss",
    "TripletLoss",
    "VirtualSoftmaxLoss",
]
