"""The settings of the loss, the batches and the run; the others are the packages'. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS, Term, base_name, hyperparameters_of, parse_terms, written
from ccp.settings import Setting, check, refuse_unknown, setting

LOGS = ("tensorboard", "csv", "wandb", "mlflow")


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
    """The pair loss, its training method, and the hyperparameters of both; or a sum of several.

    Hyperparameters that are left out have their defaults. One that several terms have is ``NAME@1`` of the first term,
    ``NAME@2`` of the second, and so on.
    """

    loss: str = setting(
        "ccp/contrastive",
        f"METHOD/PAIR_LOSS, or a sum as ccp/contrastive+0.5*proxy/proxy_anchor, in which --NAME@2 is a hyperparameter "
        f"of the second term; methods: {', '.join(METHODS)}; pair losses: {', '.join(PAIR_LOSSES)}",
        in_preset=False,
        essential=True,
    )
    hyperparameters: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        check(self)
        object.__setattr__(self, "loss", written(self.terms))
        described = hyperparameters_of(self.loss)
        for name, value in self.hyperparameters.items():
            if name not in described:
                owners = ", ".join(all_hyperparameters().get(base_name(name), {})) or "no loss"
                raise ConfigError(
                    f"{name} has no effect with --loss={self.loss}: it belongs to {owners}. Leave it out or change "
                    "--loss."
                )
            described[name].check(name, value)
        values = {name: self.hyperparameters.get(name, entry.default) for name, entry in described.items()}
        object.__setattr__(self, "hyperparameters", values)

    @property
    def terms(self) -> tuple[Term, ...]:
        """What is added up; one term for most losses."""
        return parse_terms(self.loss)

    @property
    def methods(self) -> tuple[str, ...]:
        """The training methods of the terms, keys of ``METHODS``."""
        return tuple(term.method for term in self.terms)

    @property
    def projects(self) -> bool:
        """Whether projections re-initialise the proxies of a term."""
        return any(METHODS[method].projects for method in self.methods)


@dataclasses.dataclass(frozen=True)
class BatchSettings:
    """What a training batch consists of."""

    classes_per_batch: int = setting(8, "classes in a batch", at_least=1)
    examples_per_class: int = setting(4, "images of each class in a batch", at_least=1)
    class_draws: str = setting(
        "evenly",
        "which classes are drawn: all as often, those with more images more often (by_size), or hard ones together "
        "(by_group)",
        choices=("evenly", "by_size", "by_group"),
    )
    class_size_power: float = setting(
        0.5,
        "classes are drawn in proportion to their number of images to this power; 0: all classes alike, 1: all images",
        at_least=0,
        at_most=1,
        only_with={"class_draws": ("by_size",)},
    )
    groups_per_batch: int = setting(
        2, "groups that a batch has as many classes of", at_least=1, only_with={"class_draws": ("by_group",)}
    )
    group_size: int = setting(
        8,
        "classes in a group, where groups are classes near each other",
        at_least=1,
        only_with={"class_draws": ("by_group",)},
    )
    superclasses: str = setting(
        "",
        "CSV file with the columns class and superclass: the groups; without it, groups are classes whose mean "
        "embeddings are near each other before training",
        only_with={"class_draws": ("by_group",)},
        in_preset=False,
    )

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
    log: str = setting(
        "tensorboard",
        f"where metrics go besides metrics.jsonl, any of {', '.join(LOGS)}, with commas; empty for nowhere",
        may_change=True,
        in_preset=False,
    )

    def __post_init__(self):
        check(self)
        refuse_unknown(self.logs, LOGS, "log")

    @property
    def logs(self) -> list[str]:
        """Keys of ``LOGS``."""
        return [name.strip() for name in self.log.split(",") if name.strip()]
