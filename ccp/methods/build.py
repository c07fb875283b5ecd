"""From ``METHOD/PAIR_LOSS``, or a sum of them, and the hyperparameters to a loss."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ccp.losses.registry import MINING, PAIR_LOSSES
from ccp.losses.sum_of_losses import SumOfLosses, numbered
from ccp.losses.whole_batch import WholeBatchLoss
from ccp.methods.registry import METHODS, Term, keys_of, parse_terms, resolved
from ccp.references.class_proxies import ClassProxies
from ccp.references.cross_batch_memory import CrossBatchMemory
from ccp.registry import imported


class Sizes(NamedTuple):
    """What a loss has to fit.

    Attributes:
      num_classes: of the training set.
      embedding_size: the network's.
      batch_size: of the training batches.
      seed: of proxies that start at random, and of the draws of a loss.
    """

    num_classes: int
    embedding_size: int
    batch_size: int
    seed: int = 0


def build_loss(loss: str, hyperparameters: Mapping[str, Any], sizes: Sizes) -> WholeBatchLoss:
    """The pair loss with the references of the training method, or the sum of several.

    Args:
      loss: ``METHOD/PAIR_LOSS``, or ``WEIGHT*METHOD/PAIR_LOSS+…``. The terms of a sum draw with different seeds.
      hyperparameters: of both, by the names of ``hyperparameters_of``; those left out have their defaults.
      sizes: what it has to fit.

    Raises:
      ConfigError: a hyperparameter is out of its bounds, also those that the number of classes sets.
    """
    terms = parse_terms(loss)
    given = resolved(loss, hyperparameters)
    built = []
    for at, (term, keys) in enumerate(zip(terms, keys_of(terms))):
        own = {name: given[key] for name, key in keys.items() if key in given}
        built.append(_build_term(term, own, sizes._replace(seed=_seed_of_term(sizes.seed, at))))
    if len(terms) == 1:
        return built[0]
    return SumOfLosses(built, [term.weight for term in terms], numbered([term.loss for term in terms]))


def _seed_of_term(seed: int, position: int) -> int:
    """The seed of a term of a sum, below 2³¹: the first term's is the sum's."""
    # With seed + position, runs with adjacent seeds would share most terms' draws.
    return int(np.random.SeedSequence([seed, position]).generate_state(1)[0] >> 1) if position else seed


def _build_term(term: Term, hyperparameters: Mapping[str, Any], sizes: Sizes) -> WholeBatchLoss:
    values = {name: setting.default for name, setting in term.settings.items()} | dict(hyperparameters)
    num_classes = None if METHODS[term.method].adds_classes else sizes.num_classes
    given = {**sizes._asdict(), "num_classes": num_classes}

    def built(path: str, names: Iterable[str], **arguments: Any) -> WholeBatchLoss:
        kind = imported(path)
        fields = {field.name for field in dataclasses.fields(kind)}
        arguments.update({name: values[name] for name in names})
        return kind(**arguments, **{name: value for name, value in given.items() if name in fields})

    entry = PAIR_LOSSES[term.pair_loss]
    mining = {"mining": _mining(values, sizes.seed)} if entry.mines else {}
    inner = built(entry.path, entry.arguments, **mining)
    outer, references = METHODS[term.method], {}
    if outer.has_proxies:
        proxies = ClassProxies(sizes.num_classes, values["proxies_per_class"], sizes.embedding_size, seed=sizes.seed)
        references["proxies"] = proxies
    if outer.has_memory:
        capacity = values["memory_batches"] * sizes.batch_size
        references["memory"] = CrossBatchMemory(capacity, sizes.embedding_size, values["memory_start_step"])
        references["memory_weight"] = values["memory_weight"]
    return built(outer.path, outer.arguments, pair_loss=inner, **references) if outer.path else inner


def _mining(values: Mapping[str, Any], seed: int) -> Any:
    entry = MINING[values["mining"]]
    if not entry.path:
        return None
    margin = {entry.margin: values["mining_margin"]} if entry.margin else {}
    return imported(entry.path)(**margin, **({"seed": seed} if entry.draws else {}))
