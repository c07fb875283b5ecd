"""The losses' own numbers, each default named once. Free of TensorFlow, so that the CLI can list them."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class ContrastiveSettings:
    """C2; the defaults are the paper's for CUB."""

    pos_margin: float = 0.0
    neg_margin: float = 0.3841


@dataclasses.dataclass(frozen=True)
class CosineContrastiveSettings:
    """C1; one margin for all data sets."""

    margin: float = 0.5


@dataclasses.dataclass(frozen=True)
class TripletSettings:
    """Triplet; the default is the paper's for CUB."""

    margin: float = 0.0961


@dataclasses.dataclass(frozen=True)
class MultiSimilaritySettings:
    """MS; the defaults are the paper's for CUB."""

    alpha: float = 2.0
    beta: float = 40.0
    base: float = 0.5


@dataclasses.dataclass(frozen=True)
class ProxyAnchorSettings:
    """ProxyAnchor; one setting for all data sets."""

    margin: float = 0.1
    scale: float = 32.0


@dataclasses.dataclass(frozen=True)
class ProxyNCASettings:
    """ProxyNCA++; one temperature for all data sets."""

    temperature: float = 0.1


@dataclasses.dataclass(frozen=True)
class SoftTripleSettings:
    """SoftTriple; the defaults are the paper's for CUB."""

    scale: float = 20.0
    gamma: float = 0.1
    margin: float = 0.01
    tau: float = 0.2


@dataclasses.dataclass(frozen=True)
class VirtualSoftmaxSettings:
    """Virtual softmax; the scale is one over ProxyNCA++'s temperature."""

    scale: float = 10.0


@dataclasses.dataclass(frozen=True)
class MarginSettings:
    """Margin loss with distance-weighted sampling; the defaults are its paper's."""

    margin: float = 0.2
    boundary: float = 1.2
    boundary_weight: float = 0.0
    cutoff: float = 0.5


@dataclasses.dataclass(frozen=True)
class SemiHardTripletSettings:
    """Triplet with semi-hard negatives; the margin is its paper's."""

    margin: float = 0.2


@dataclasses.dataclass(frozen=True)
class HardTripletSettings:
    """Triplet with the hardest pairs; the margin is the best of its paper's."""

    margin: float = 0.2


@dataclasses.dataclass(frozen=True)
class LiftedStructureSettings:
    """Lifted structure; the margin is its paper's."""

    margin: float = 1.0


@dataclasses.dataclass(frozen=True)
class NPairsSettings:
    """N-pairs, which has no numbers of its own."""


PAIR_LOSS_SETTINGS = {
    "contrastive": ContrastiveSettings,
    "cosine_contrastive": CosineContrastiveSettings,
    "triplet": TripletSettings,
    "multi_similarity": MultiSimilaritySettings,
    "proxy_anchor": ProxyAnchorSettings,
    "proxy_nca": ProxyNCASettings,
    "soft_triple": SoftTripleSettings,
    "virtual_softmax": VirtualSoftmaxSettings,
    "margin": MarginSettings,
    "semi_hard_triplet": SemiHardTripletSettings,
    "hard_triplet": HardTripletSettings,
    "lifted_structure": LiftedStructureSettings,
    "npairs": NPairsSettings,
}
