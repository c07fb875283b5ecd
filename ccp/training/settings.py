"""The settings of the training loop and its optimizer. Free of TensorFlow.

The defaults are the paper's for CUB-200-2011 (arXiv 2209.09060, supplement on implementation).
"""

from __future__ import annotations

import dataclasses

from ccp.methods.registry import METHODS
from ccp.settings import check, setting

_WITH_PROXIES = {"method": tuple(name for name, method in METHODS.items() if method.has_proxies)}
_ON_A_PLATEAU = {"learning_rate_schedule": ("plateau",)}


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """The optimizer and its learning rate."""

    optimizer: str = setting(
        "adam", "optimizer; radam needs TensorFlow Addons, so Python 3.9 to 3.11", choices=("adam", "lamb", "radam")
    )
    learning_rate: float = setting(1e-5, "learning rate", above=0, essential=True)
    learning_rate_schedule: str = setting(
        "constant",
        "constant, lowered when the score stands still (plateau), or falling along half a cosine",
        choices=("constant", "plateau", "cosine"),
    )
    learning_rate_warm_up: int = setting(
        0, "steps over which the learning rate rises to its value at the start", at_least=0
    )
    cosine_epochs: int = setting(
        100,
        "epochs at whose end the learning rate has fallen to min_learning_rate",
        at_least=1,
        only_with={"learning_rate_schedule": ("cosine",)},
    )
    plateau_epochs: int = setting(
        4, "epochs without improvement before the learning rate is lowered", at_least=1, only_with=_ON_A_PLATEAU
    )
    plateau_factor: float = setting(0.5, "factor on the learning rate then", above=0, only_with=_ON_A_PLATEAU)
    min_learning_rate: float = setting(
        1e-6,
        "the learning rate is not lowered below this",
        at_least=0,
        only_with={"learning_rate_schedule": ("plateau", "cosine")},
    )

    def __post_init__(self):
        check(self)


@dataclasses.dataclass(frozen=True)
class GradientSettings:
    """What is done to gradients before the optimizer sees them."""

    weight_decay: float = setting(1e-4, "coupled weight decay on all but batch-norm variables", at_least=0)
    proxy_rate_multiplier: float = setting(
        1.0, "factor on the proxies' learning rate", above=0, only_with=_WITH_PROXIES
    )
    clip_norm: float = setting(10.0, "the global gradient norm is clipped to this", above=0)
    clip_value: float = setting(10.0, "gradient entries are clipped to this after that", above=0)
    gradient_chunks: int = setting(
        1, "above 1, batches pass the network in this many chunks, twice: less memory, more time", at_least=1
    )

    def __post_init__(self):
        check(self)


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """Steps, epochs and stopping."""

    steps_per_epoch: int = setting(25, "training steps between two validations", at_least=1)
    max_epochs: int = setting(1000, "epochs at most", at_least=1, may_grow=True, essential=True)
    early_stopping: int = setting(60, "epochs without a better score before training ends", at_least=1, may_grow=True)
    monitor: str = setting("map_at_r", "validation score that decides; higher is better")
    min_improvement: float = setting(1e-5, "a score has to beat the best by more than this", at_least=0)
    warm_up_epochs: int = setting(
        0, "epochs at the start that train the embedding layer and the proxies alone", at_least=0
    )
    ema_decay: float = setting(
        0.0,
        "validate, evaluate and export an exponential moving average of the weights, of which a step keeps this share; "
        "0: the weights themselves",
        at_least=0,
        below=1,
    )
    jit_compile: bool = setting(
        False, "compile the training step by XLA; results are then not the same to the last bit"
    )

    def __post_init__(self):
        check(self)
