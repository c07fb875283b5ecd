"""Pair losses, and the loss over several reference sources that turns them into XBM, proxy losses and CCP."""

from ccp.losses.ccp import CCPLoss
from ccp.losses.contrastive import ContrastiveLoss, CosineContrastiveLoss
from ccp.losses.multi_similarity import MultiSimilarityLoss
from ccp.losses.pair_loss import PairLoss
from ccp.losses.proxy_anchor import ProxyAnchorLoss
from ccp.losses.proxy_nca import ProxyNCALoss
from ccp.losses.references import ReferenceLoss
from ccp.losses.soft_triple import SoftTripleLoss
from ccp.losses.triplet import TripletLoss

PAIR_LOSSES = {
    "contrastive": ContrastiveLoss,
    "cosine_contrastive": CosineContrastiveLoss,
    "triplet": TripletLoss,
    "multi_similarity": MultiSimilarityLoss,
    "proxy_anchor": ProxyAnchorLoss,
    "proxy_nca": ProxyNCALoss,
    "soft_triple": SoftTripleLoss,
}

__all__ = [
    "PAIR_LOSSES",
    "CCPLoss",
    "ContrastiveLoss",
    "CosineContrastiveLoss",
    "MultiSimilarityLoss",
    "PairLoss",
    "ProxyAnchorLoss",
    "ProxyNCALoss",
    "ReferenceLoss",
    "SoftTripleLoss",
    "TripletLoss",
]
