"""Every pair loss by name. Free of TensorFlow: a loss is imported when it is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ccp.registry import Registry, declared_settings
from ccp.settings import Setting


class MiningEntry(NamedTuple):
    """A way to choose the pairs that a loss counts.

    Attributes:
      path: ``module:Class``; empty for all pairs.
      margin: the name of its argument that ``mining_margin`` is; empty if it has none.
      draws: it takes a ``seed``.
    """

    path: str = ""
    margin: str = ""
    draws: bool = False


MINING: Registry[MiningEntry] = Registry(
    "mining",
    {
        "none": MiningEntry(),
        "multi_similarity": MiningEntry("ccp.losses.mining:MultiSimilarityMining", margin="epsilon"),
        "hard": MiningEntry("ccp.losses.mining:HardMining"),
        "semi_hard": MiningEntry("ccp.losses.mining:SemiHardMining", margin="margin"),
        "distance_weighted": MiningEntry("ccp.losses.mining:DistanceWeightedMining", draws=True),
    },
)
_MINING_SETTINGS = {
    "mining": Setting(
        "none", f"pairs of each anchor that count: none (all), {', '.join(list(MINING)[1:])}", choices=tuple(MINING)
    ),
    "mining_margin": Setting(
        0.1,
        "distance within which mined pairs are (ε of multi_similarity, width of semi_hard)",
        at_least=0,
        only_with={"mining": tuple(name for name, entry in MINING.items() if entry.margin)},
    ),
}


class PairLossEntry(NamedTuple):
    """A pair loss.

    Attributes:
      path: ``module:Class``; the hyperparameters are its ``setting(…)`` fields.
      against_proxies: it is defined against proxies: without a training method that is what its name means.
      within_batch: it compares a batch with itself and takes no other references.
      mines: it has an argument ``mining``.
      classifies: it compares nothing, and takes no references either.
    """

    path: str
    against_proxies: bool = False
    within_batch: bool = False
    mines: bool = False
    classifies: bool = False

    @property
    def settings(self) -> dict[str, Setting]:
        """Its hyperparameters, by name."""
        return {**self.arguments, **(_MINING_SETTINGS if self.mines else {})}

    @property
    def arguments(self) -> Mapping[str, Setting]:
        """Those that are arguments of its class."""
        return declared_settings(self.path)


PAIR_LOSSES: Registry[PairLossEntry] = Registry(
    "pair loss",
    {
        "contrastive": PairLossEntry("ccp.losses.contrastive:ContrastiveLoss", mines=True),
        "cosine_contrastive": PairLossEntry("ccp.losses.cosine_contrastive:CosineContrastiveLoss", mines=True),
        "triplet": PairLossEntry("ccp.losses.triplet:TripletLoss", mines=True),
        "multi_similarity": PairLossEntry("ccp.losses.multi_similarity:MultiSimilarityLoss", mines=True),
        "supcon": PairLossEntry("ccp.losses.supervised_contrastive:SupConLoss", mines=True),
        "nt_xent": PairLossEntry("ccp.losses.nt_xent:NTXentLoss", mines=True),
        "proxy_anchor": PairLossEntry("ccp.losses.proxy_anchor:ProxyAnchorLoss", against_proxies=True, mines=True),
        "proxy_nca": PairLossEntry("ccp.losses.proxy_nca:ProxyNCALoss", against_proxies=True, mines=True),
        "soft_triple": PairLossEntry("ccp.losses.soft_triple:SoftTripleLoss", against_proxies=True),
        "virtual_softmax": PairLossEntry("ccp.losses.virtual_softmax:VirtualSoftmaxLoss", against_proxies=True),
        "tuplet_margin": PairLossEntry("ccp.losses.tuplet_margin:TupletMarginLoss", mines=True),
        "ranked_list": PairLossEntry("ccp.losses.ranked_list:RankedListLoss"),
        "contrastive_bayesian": PairLossEntry("ccp.losses.contrastive_bayesian:ContrastiveBayesianLoss"),
        "triplet_upper_bound": PairLossEntry(
            "ccp.losses.triplet_upper_bound:TripletUpperBoundLoss", against_proxies=True
        ),
        "arcface": PairLossEntry("ccp.losses.angular_margin:ArcFaceLoss", against_proxies=True),
        "cosface": PairLossEntry("ccp.losses.angular_margin:CosFaceLoss", against_proxies=True),
        "margin": PairLossEntry("ccp.losses.margin:MarginLoss"),
        "circle": PairLossEntry("ccp.losses.circle:CircleLoss"),
        "smooth_ap": PairLossEntry("ccp.losses.smooth_ap:SmoothAPLoss"),
        "fast_ap": PairLossEntry("ccp.losses.fast_ap:FastAPLoss"),
        "recall_at_k": PairLossEntry("ccp.losses.recall_at_k:RecallAtKLoss"),
        "semi_hard_triplet": PairLossEntry("ccp.losses.semi_hard_triplet:SemiHardTripletLoss", within_batch=True),
        "hard_triplet": PairLossEntry("ccp.losses.hard_triplet:HardTripletLoss", within_batch=True),
        "lifted_structure": PairLossEntry("ccp.losses.lifted_structure:LiftedStructureLoss", within_batch=True),
        "expanded_triplet": PairLossEntry("ccp.losses.expanded_triplet:ExpandedTripletLoss", within_batch=True),
        "metrix": PairLossEntry("ccp.losses.metrix:MetrixLoss", within_batch=True),
        "sec": PairLossEntry("ccp.losses.sec:SphericalConstraintLoss", within_batch=True),
        "npairs": PairLossEntry("ccp.losses.npairs:NPairsLoss", within_batch=True),
        "softmax": PairLossEntry("ccp.losses.softmax:SoftmaxLoss", classifies=True),
    },
)
