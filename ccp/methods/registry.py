"""Every training method by name, and ``METHOD/PAIR_LOSS``. Free of TensorFlow: a method is imported when it is built."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.registry import Registry
from ccp.settings import Setting, refuse_unknown


class Method(NamedTuple):
    """A training method: what a pair loss's anchors are compared with.

    Attributes:
      about: the references, in a phrase.
      build: ``module:function`` that makes the loss of a pair loss, the hyperparameters and the sizes.
      settings: its own hyperparameters, by name.
      has_proxies: whether class proxies are among the references.
      projects: whether projections re-initialise them; otherwise they are trained as weights from start to end.
      has_memory: whether a cross-batch memory is among the references.
    """

    about: str
    build: str
    settings: Mapping[str, Setting] = {}
    has_proxies: bool = False
    projects: bool = False
    has_memory: bool = False


_PROXIES = {"proxies_per_class": Setting(8, "proxies of each class (K)", at_least=1)}
_CCP = {
    "batch_weight": Setting(0.1, "weight of the batch against itself", at_least=0),
    "proxy_weight": Setting(1.0, "weight of the batch against the proxies", above=0),
}
_MEMORY = {
    "memory_weight": Setting(1.0, "weight of the batch against the memory", at_least=0),
    "memory_batches": Setting(25, "batches that the cross-batch memory holds", at_least=1),
    "memory_start_step": Setting(1000, "steps before the cross-batch memory starts to fill", at_least=0),
}

METHODS: Registry[Method] = Registry(
    "training method",
    {
        "plain": Method("the batch itself", "ccp.methods.build:plain"),
        "proxy": Method("class proxies", "ccp.methods.build:proxy", _PROXIES, has_proxies=True),
        "xbm": Method(
            "the batch itself, and a memory of past embeddings", "ccp.methods.build:xbm", _MEMORY, has_memory=True
        ),
        "ccp": Method(
            "the batch itself, and class proxies that every projection re-initialises",
            "ccp.methods.build:ccp",
            {**_PROXIES, **_CCP},
            has_proxies=True,
            projects=True,
        ),
        "ccp_xbm": Method(
            "all three", "ccp.methods.build:ccp", {**_PROXIES, **_CCP, **_MEMORY}, True, True, has_memory=True
        ),
        "mdr": Method(
            "the batch itself, with its distances regularised (MDR)",
            "ccp.methods.build:mdr",
            {
                "distance_weight": Setting(
                    0.1, "weight of the multi-level regularisation of distances (MDR)", at_least=0
                )
            },
        ),
        "proxy_synthesis": Method(
            "class proxies, and synthetic classes between them",
            "ccp.methods.build:proxy_synthesis",
            {
                **_PROXIES,
                "synthesis_alpha": Setting(
                    0.4, "synthetic classes are mixed by a draw from Beta(alpha, alpha)", above=0
                ),
                "synthesis_ratio": Setting(1.0, "synthetic examples over the batch's real ones", above=0, at_most=1),
            },
            has_proxies=True,
        ),
        "hpl": Method(
            "class proxies, and coarse proxies of clusters of classes (HPL)",
            "ccp.methods.build:hierarchical",
            {
                **_PROXIES,
                "coarse_classes": Setting(0, "clusters of classes; 0: an eighth as many as classes", at_least=0),
                "coarse_weight": Setting(0.1, "weight of the batch against the clusters' proxies", at_least=0),
                "clustering_period": Setting(250, "steps from one clustering of the proxies to the next", at_least=1),
            },
            has_proxies=True,
        ),
    },
)


def parse_loss(text: str) -> tuple[str, str]:
    """Splits ``METHOD/PAIR_LOSS`` into both.

    Without a method, ``plain`` is meant, or ``proxy`` for the losses that are defined against proxies.

    Raises:
      ConfigError: either is unknown, and the message lists the nearest names; or they cannot go together.
    """
    method, slash, pair_loss = text.rpartition("/")
    entry = PAIR_LOSSES[pair_loss]
    if not slash:
        return ("proxy" if entry.against_proxies else "plain"), pair_loss
    refuse_unknown([method], METHODS, "training method")
    if entry.within_batch and method != "plain":
        raise ConfigError(
            f"{pair_loss} compares a batch with itself and cannot be trained as {text}. Choose --loss={pair_loss}, or "
            f"another pair loss for {method}."
        )
    return method, pair_loss


def hyperparameters_of(loss: str) -> dict[str, Setting]:
    """The hyperparameters of a ``METHOD/PAIR_LOSS``, by name: the method's, then the pair loss's."""
    method, pair_loss = parse_loss(loss)
    return {**METHODS[method].settings, **PAIR_LOSSES[pair_loss].settings}
