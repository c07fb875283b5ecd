"""Every training method by name, ``METHOD/PAIR_LOSS`` and sums of them.

Free of TensorFlow: a method is imported when it is used.
"""

from __future__ import annotations

import collections
import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

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
_NIR = "ccp.methods.nir:NIRLoss"
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
        "nir": Method("class proxies, with a flow that models how a class spreads", _NIR, has_proxies=True),
        "hpl": Method("class proxies, and proxies of clusters of classes", _HPL, has_proxies=True),
    },
)


class Term(NamedTuple):
    """A term of the loss that is trained.

    Attributes:
      weight: its factor.
      loss: ``METHOD/PAIR_LOSS``, as it was written.
      method: a key of ``METHODS``.
      pair_loss: a key of ``PAIR_LOSSES``.
    """

    weight: float
    loss: str
    method: str
    pair_loss: str

    @property
    def settings(self) -> dict[str, Setting]:
        """Its hyperparameters, by name: the method's, then the pair loss's."""
        return {**METHODS[self.method].settings, **PAIR_LOSSES[self.pair_loss].settings}

    @property
    def needs_positives(self) -> bool:
        """Whether it compares a batch with nothing but itself."""
        method = METHODS[self.method]
        return not (method.has_proxies or method.has_memory or PAIR_LOSSES[self.pair_loss].classifies)


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
    if (entry.within_batch or entry.classifies) and method != "plain":
        instead = f"another pair loss for {method}"
        if entry.classifies:
            raise ConfigError(
                f"{pair_loss} classifies and cannot be trained as {text}. Choose {instead}, with the classifier beside "
                f"it: --loss={method}/contrastive+{pair_loss}."
            )
        raise ConfigError(
            f"{pair_loss} compares a batch with itself and cannot be trained as {text}. Choose --loss={pair_loss}, or "
            f"{instead}."
        )
    return method, pair_loss


def parse_terms(text: str) -> tuple[Term, ...]:
    """The terms of ``[WEIGHT*]METHOD/PAIR_LOSS+…``.

    Raises:
      ConfigError: see ``parse_loss``; or a weight is not above 0, or there is one without another term.
    """
    parts = re.split(r"(?<![0-9][eE])\+", text)
    terms = []
    for part in map(str.strip, parts):
        factor, star, loss = part.rpartition("*")
        weight = _weight(factor, part) if star else 1.0
        if not part:
            raise ConfigError(f"--loss={text} has an empty term; write it as ccp/contrastive+0.5*proxy_anchor.")
        terms.append(Term(weight, loss.strip(), *parse_loss(loss.strip())))
        if star and len(parts) == 1:
            raise ConfigError(
                f"--loss={text} has a weight and no other term, which changes nothing. Write --loss={loss.strip()}, or "
                f"add a term: --loss={text}+softmax."
            )
    return tuple(terms)


def _weight(text: str, term: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) < math.inf:
            return float(text)
    loss = term.rpartition("*")[2]
    raise ConfigError(f"The weight of a loss must be a number above 0, as in 0.5*{loss}; got {term!r}.")


def written(terms: Sequence[Term]) -> str:
    """The text that ``parse_terms`` reads as these terms."""
    # ``repr`` gives every digit, as ``:g`` does not.
    weights = [repr(term.weight).removesuffix(".0") for term in terms]
    return "+".join(term.loss if weight == "1" else f"{weight}*{term.loss}" for weight, term in zip(weights, terms))


def hyperparameters_of(loss: str) -> dict[str, Setting]:
    """The hyperparameters of all terms, by name; ``NAME@1``, ``NAME@2``, … for one that several terms have."""
    terms = parse_terms(loss)
    return {key: term.settings[name] for term, keys in zip(terms, keys_of(terms)) for name, key in keys.items()}


def keys_of(terms: Sequence[Term]) -> list[dict[str, str]]:
    """For each term, its hyperparameters' names and what ``hyperparameters_of`` calls them."""
    owners = collections.Counter(name for term in terms for name in term.settings)
    return [
        {name: f"{name}@{at}" if owners[name] > 1 else name for name in term.settings}
        for at, term in enumerate(terms, start=1)
    ]


def base_name(key: str) -> str:
    """The name of a hyperparameter without the number of its term."""
    return key.partition("@")[0]


def resolved(loss: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Hyperparameters by the names of ``hyperparameters_of``.

    Args:
      loss: the terms.
      given: by name, or by ``NAME@NUMBER``, the term's from 1. Names that no term has stay as they are.

    Raises:
      ConfigError: several terms have a hyperparameter, and it is not said whose is meant; or the term that is named
        does not have it; or it is given twice.
    """
    terms, found = parse_terms(loss), {}
    owners = {name: [at for at, term in enumerate(terms, 1) if name in term.settings] for name in map(base_name, given)}
    for key, value in given.items():
        name, at, number = key.partition("@")
        if at and (not number.isdecimal() or int(number) not in owners[name]):
            having = " and ".join(f"--{name}@{place}" for place in owners[name]) or f"no --{name}"
            raise ConfigError(f"--{key}: term {number} of --loss={loss} has no {name}. It has {having}.")
        if not at and len(owners[name]) > 1:
            choices = " and ".join(f"--{name}@{place} ({terms[place - 1].loss})" for place in owners[name])
            raise ConfigError(f"--{name} could be that of several terms of --loss={loss}; write {choices}.")
        canonical = name if len(owners[name]) < 2 else key
        if canonical in found:
            raise ConfigError(f"--{name} and --{name}@{owners[name][0]} are the same; leave one out.")
        found[canonical] = value
    return found
