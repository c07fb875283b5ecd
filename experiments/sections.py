"""The settings of the loss, the batches and the run; the others are the packages'. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS, Method, hyperparameters_of, parse_loss
from ccp.settings import Setting, check, setting


@functools.cache
def all_hyperparameters() -> dict[str, dict[str, Setting]]:
    """Every hyperparameter: its setting by its name and the method or pair loss that takes it."""
    found: dict[str, dict[str, Setting]] = {}
    for kind, registry in (("{}/…", METHODS), ("{}", PAIR_LOSSES)):
        for owner, entry in registry.items():
            for name, described in entry.settings.items():
                found.setdefault(name, {})[kind.format(owner)] = described
    return found


@dataclasses.dataclass(frozen=True)
class LossSettings:
    """The pair loss, its training method, and the hyperparameters of both.

    Hyperparameters that are left out have their defaults.
    """

    loss: str = setting(
        "ccp/contrastive",
        f"METHOD/PAIR_LOSS; methods: {', '.join(METHODS)}; pair losses: {', '.join(PAIR_LOSSES)}",
        in_preset=False,
        essential=True,
    )
    hyperparameters: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        check(self)
        described = hyperparameters_of(self.loss)
        for name, value in self.hyperparameters.items():
            if name not in described:
                owners = ", ".join(all_hyperparameters().get(name, {})) or "no loss"
                raise ConfigError(
                    f"{name} has no effect with --loss={self.loss}: it belongs to {owners}. Leave it out or change "
                    "--loss."
                )
            described[name].check(name, value)
        values = {name: self.hyperparameters.get(name, entry.default) for name, entry in described.items()}
        object.__setattr__(self, "hyperparameters", values)

    @property
    def method(self) -> str:
        """A key of ``METHODS``."""
        return parse_loss(self.loss)[0]

    @property
    def pair_loss(self) -> str:
        """A key of ``PAIR_LOSSES``."""
        return parse_loss(self.loss)[1]

    @property
    def kind(self) -> Method:
        """The training method's entry."""
        return METHODS[self.method]


@dataclasses.dataclass(frozen=True)
class BatchSettings:
    """What a training batch consists of."""

    classes_per_batch: int = setting(8, "classes in a batch", at_least=1)
    examples_per_class: int = setting(4, "images of each class in a batch", at_least=1)

    def __post_init__(self):
        check(self)

    @property
    def size(self) -> int:
        """Images in a batch."""
        return self.classes_per_batch * self.examples_per_class


@dataclasses.dataclass(frozen=True)
class RunSettings:
    """What is particular to one run."""

    seed: int = setting(
        0, "everything random follows from it", at_least=0, below=2**32, in_preset=False, essential=True
    )
    strategy: str = setting(
        "none",
        "train on one device, on all of this machine (mirrored), or on several machines (multi_worker, by TF_CONFIG)",
        choices=("none", "mirrored", "multi_worker"),
        may_change=True,
        in_preset=False,
    )
    worker_timeout: float = setting(
        900.0,
        "seconds that processes wait for each other before they end with an error",
        above=0,
        only_with={"strategy": ("multi_worker",)},
        may_change=True,
        in_preset=False,
    )

    def __post_init__(self):
        check(self)
