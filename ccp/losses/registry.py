"""Every pair loss by name. Free of TensorFlow: a loss is imported when it is built."""

from __future__ import annotations

from typing import NamedTuple

from ccp.registry import Registry, declared_settings
from ccp.settings import Setting


class PairLossEntry(NamedTuple):
    """A pair loss.

    Attributes:
      path: ``module:Class``; the hyperparameters are its ``setting(…)`` fields.
      against_proxies: it is defined against proxies: without a training method that is what its name means.
      within_batch: it compares a batch with itself and takes no other references.
    """

    path: str
    against_proxies: bool = False
    within_batch: bool = False

    @property
    def settings(self) -> dict[str, Setting]:
        """Its hyperparameters, by name."""
        return declared_settings(self.path)


PAIR_LOSSES: Registry[PairLossEntry] = Registry(
    "pair loss",
    {
        "contrastive": PairLossEntry("ccp.losses.contrastive:ContrastiveLoss"),
        "cosine_contrastive": PairLossEntry("ccp.losses.cosine_contrastive:CosineContrastiveLoss"),
        "triplet": PairLossEntry("ccp.losses.triplet:TripletLoss"),
        "multi_similarity": PairLossEntry("ccp.losses.multi_similarity:MultiSimilarityLoss"),
        "proxy_anchor": PairLossEntry("ccp.losses.proxy_anchor:ProxyAnchorLoss", against_proxies=True),
        "proxy_nca": PairLossEntry("ccp.losses.proxy_nca:ProxyNCALoss", against_proxies=True),
        "soft_triple": PairLossEntry("ccp.losses.soft_triple:SoftTripleLoss", against_proxies=True),
        "virtual_softmax": PairLossEntry("ccp.losses.virtual_softmax:VirtualSoftmaxLoss", against_proxies=True),
        "arcface": PairLossEntry("ccp.losses.angular_margin:ArcFaceLoss", against_proxies=True),
        "cosface": PairLossEntry("ccp.losses.angular_margin:CosFaceLoss", against_proxies=True),
        "margin": PairLossEntry("ccp.losses.margin:MarginLoss"),
        "semi_hard_triplet": PairLossEntry("ccp.losses.semi_hard_triplet:SemiHardTripletLoss", within_batch=True),
        "hard_triplet": PairLossEntry("ccp.losses.hard_triplet:HardTripletLoss", within_batch=True),
        "lifted_structure": PairLossEntry("ccp.losses.lifted_structure:LiftedStructureLoss", within_batch=True),
        "npairs": PairLossEntry("ccp.losses.npairs:NPairsLoss", within_batch=True),
    },
)
