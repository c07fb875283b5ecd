"""Every training method by name, and ``METHOD/PAIR_LOSS``. Free of TensorFlow: a method is imported when it is used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ccp.errors import ConfigError
from ccp.losses.registry import PAIR_LOSSES
from ccp.registry import Registry, declared_settings
from ccp.settings import Setting, refuse_unknown

_PROXIES = {"proxies_per_class": Setting(8, "number of proxies of each class (K)", at_least=1)}
_MEMORY = {
    "memory_weight": Setting(1.0, "weight of the batch against the memory", at_least=0),
    "memory_batches": Setting(25, "number of batches that the cross-batch memory holds (L)", at_least=1),
    "memory_start_step": Setting(1000, "steps before the cross-batch memory starts to fill", at_least=0),
}


class Method(NamedTuple):
    """A training method: what the anchors of a pair loss are compared with.

    Attributes:
      about: the references, in a phrase.
      path: ``module:Class`` of the loss around the pair loss; its ``setting(…)`` fields are hyperparameters of the
        method. Empty for the pair loss alone.
      has_proxies: it takes ``proxies``.
      has_memory: it takes ``memory`` and ``memory_weight``.
      adds_classes: labels go beyond the training set's classes, so that no variable of a pair loss can belong to one.
      projects: projections re-initialise the proxies; otherwise they are trained as weights from start to end.
    """

    about: str
    path: str = ""
    has_proxies: bool = False
    has_memory: bool = False
    adds_classes: bool = False
    projects: bool = False

    @property
    def settings(self) -> dict[str, Setting]:
        """Its hyperparameters, by name."""
        return {**(_PROXIES if self.has_proxies else {}), **self.arguments, **(_MEMORY if self.has_memory else {})}

    @property
    def arguments(self) -> Mapping[str, Setting]:
        """Those that are arguments of its class."""
        return declared_settings(self.path) if self.path else {}


_CCP = "ccp.references.reference_loss:CCPLoss"
_HPL = "ccp.methods.hierarchical_proxies:HierarchicalProxyLoss"
_MEMVIR = "ccp.methods.memvir:MemVirLoss"
_PRISM = "ccp.methods.prism:PRISMLoss"
_SYNTHESIS = "ccp.methods.proxy_synthesis:ProxySynthesisLoss"

METHODS: Registry[Method] = Registry(
    "training method",
    {
        "plain": Method("the batch itself"),
        "proxy": Method("class proxies", "ccp.references.reference_loss:ReferenceLoss", has_proxies=True),
        "xbm": Method("the batch and past embeddings", "ccp.references.reference_loss:XBMLoss", has_memory=True),
        "ccp": Method("the batch and proxies that projections re-initialise", _CCP, has_proxies=True, projects=True),
        "ccp_xbm": Method("as ccp, and past embeddings", _CCP, has_proxies=True, has_memory=True, projects=True),
        "mdr": Method("the batch itself, with regularised distances", "ccp.methods.mdr:MDRLoss"),
        "proxy_synthesis": Method(
            "class proxies, and synthetic classes between them", _SYNTHESIS, has_proxies=True, adds_classes=True
        ),
        "memvir": Method("class proxies, and those of past steps", _MEMVIR, has_proxies=True, adds_classes=True),
        "prism": Method("the batch and past embeddings, without noisy labels", _PRISM, has_memory=True),
        "hpl": Method("class proxies, and proxies of clusters of classes", _HPL, has_proxies=True),
    },
)


def parse_loss(text: str) -> tuple[str, str]:
    """Splits ``METHOD/PAIR_LOSS`` into both.

    Without a method, ``plain`` is meant, or ``proxy`` for the losses that are defined against proxies.

    Raises:
      ConfigError: either is unknown, and the message lists the nearest names; or they do not go together.
    """
    method, slash, pair_loss = text.rpartition("/")
    if text in METHODS:
        raise ConfigError(f"{text} is a training method; name the pair loss too, as {text}/contrastive.")
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
