"""The settings of the projections. Free of TensorFlow.

The defaults are the paper's for CUB-200-2011 (arXiv 2209.09060, supplement on implementation).
"""

from __future__ import annotations

import dataclasses

from ccp.methods.registry import METHODS
from ccp.settings import check, setting

_PROJECTING = {"method": tuple(name for name, method in METHODS.items() if method.projects)}


@dataclasses.dataclass(frozen=True)
class ProjectionSettings:
    """When to project, from what, and how strongly the last solution holds."""

    projection: str = setting(
        "plateau",
        "project when the score stands still, every projection_period epochs, or when learning rate times steps since "
        "the last projection reaches staleness",
        choices=("plateau", "period", "staleness"),
        only_with=_PROJECTING,
    )
    patience: int = setting(
        3,
        "epochs without improvement before a projection",
        at_least=1,
        only_with={**_PROJECTING, "projection": ("plateau",)},
    )
    projection_period: int = setting(
        10, "epochs from one projection to the next", at_least=1, only_with={**_PROJECTING, "projection": ("period",)}
    )
    staleness: float = setting(
        1e-3,
        "sum of the learning rates of the steps from one projection to the next; checked after each epoch",
        above=0,
        only_with={**_PROJECTING, "projection": ("staleness",)},
    )
    proxy_start_epoch: int = setting(
        0,
        "epochs before the first proxies are made; until then batches are compared with themselves alone",
        at_least=0,
        only_with=_PROJECTING,
    )
    proximal_weight: float = setting(2e-4, "pull towards the last solution (λ₀)", at_least=0, only_with=_PROJECTING)
    proximal_decay: float = setting(1.0, "factor on that pull at each projection", at_least=0, only_with=_PROJECTING)
    pool_size: int = setting(
        12,
        "embeddings per class that new proxies are chosen from (b); times proxies_per_class if fewer than that",
        at_least=1,
        only_with=_PROJECTING,
    )
    normalize_candidates: bool = setting(
        False, "choose new proxies by distances between unit vectors", only_with=_PROJECTING
    )

    def __post_init__(self):
        check(self)
