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


PAIR_LOSS_SETTINGS = {
    "contrastive": ContrastiveSettings,
    "cosine_contrastive": CosineContrastiveSettings,
    "triplet": TripletSettings,
    "multi_similarity": MultiSimilaritySettings,
    "proxy_anchor": ProxyAnchorSettings,
    "proxy_nca": ProxyNCASettings,
    "soft_triple": SoftTripleSettings,
}
