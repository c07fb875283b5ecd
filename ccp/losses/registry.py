"""Every pair loss by name. Free of TensorFlow: a loss is imported when it is built."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from ccp.losses import settings as of
from ccp.registry import Registry
from ccp.settings import Setting


class PairLossEntry(NamedTuple):
    """A pair loss.

    Attributes:
      path: ``module:Class``.
      declares: the dataclass of its hyperparameters.
      against_proxies: whether it is defined against proxies: without a training method that is what it means.
      within_batch: whether it compares a batch with itself and takes no other references.
    """

    path: str
    declares: type
    against_proxies: bool = False
    within_batch: bool = False

    @property
    def settings(self) -> dict[str, Setting]:
        """Its hyperparameters, by name."""
        return {field.name: Setting(field.default, field.name) for field in dataclasses.fields(self.declares)}


PAIR_LOSSES: Registry[PairLossEntry] = Registry(
    "pair loss",
    {
        "contrastive": PairLossEntry("ccp.losses.contrastive:ContrastiveLoss", of.ContrastiveSettings),
        "cosine_contrastive": PairLossEntry(
            "ccp.losses.contrastive:CosineContrastiveLoss", of.CosineContrastiveSettings
        ),
        "triplet": PairLossEntry("ccp.losses.triplet:TripletLoss", of.TripletSettings),
        "multi_similarity": PairLossEntry(
            "ccp.losses.multi_similarity:MultiSimilarityLoss", of.MultiSimilaritySettings
        ),
        "proxy_anchor": PairLossEntry("ccp.losses.proxy_anchor:ProxyAnchorLoss", of.ProxyAnchorSettings, True),
        "proxy_nca": PairLossEntry("ccp.losses.proxy_nca:ProxyNCALoss", of.ProxyNCASettings, True),
        "soft_triple": PairLossEntry("ccp.losses.soft_triple:SoftTripleLoss", of.SoftTripleSettings, True),
        "virtual_softmax": PairLossEntry(
            "ccp.losses.virtual_softmax:VirtualSoftmaxLoss", of.VirtualSoftmaxSettings, True
        ),
        "margin": PairLossEntry("ccp.losses.margin:MarginLoss", of.MarginSettings),
        "semi_hard_triplet": PairLossEntry(
            "ccp.losses.addons:SemiHardTripletLoss", of.SemiHardTripletSettings, False, True
        ),
        "hard_triplet": PairLossEntry("ccp.losses.addons:HardTripletLoss", of.HardTripletSettings, False, True),
        "lifted_structure": PairLossEntry(
            "ccp.losses.addons:LiftedStructureLoss", of.LiftedStructureSettings, False, True
        ),
        "npairs": PairLossEntry("ccp.losses.addons:NPairsLoss", of.NPairsSettings, False, True),
    },
)
