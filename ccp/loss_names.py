"""``METHOD/PAIR_LOSS``: how a training is named. Free of TensorFlow."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ccp.errors import ConfigError
from ccp.loss_settings import PAIR_LOSS_SETTINGS

METHODS = ("plain", "proxy", "xbm", "ccp", "ccp_xbm", "mdr", "proxy_synthesis", "hpl")
# Losses defined against proxies: without a method before the slash they mean just that.
PROXY_LOSSES = ("proxy_anchor", "proxy_nca", "soft_triple", "virtual_softmax")
# Losses that compare a batch with itself and nothing else.
BATCH_LOSSES = ("semi_hard_triplet", "hard_triplet", "lifted_structure", "npairs")
# Proxies that are trained as weights and never re-initialised.
PROXY_BASELINES = ("proxy", "proxy_synthesis", "hpl")
WITH_PROXIES = (*PROXY_BASELINES, "ccp", "ccp_xbm")
WITH_PROJECTIONS = ("ccp", "ccp_xbm")
WITH_MEMORY = ("xbm", "ccp_xbm")


def parse_loss(text: str) -> tuple[str, str]:
    """Splits ``METHOD/PAIR_LOSS`` into both.

    Without a method, ``plain`` is meant, or ``proxy`` for the losses that are defined against proxies.

    Raises:
      ConfigError: either is unknown, and the message lists the nearest names; or they cannot go together.
    """
    method, slash, pair_loss = text.rpartition("/")
    refuse_unknown([pair_loss], PAIR_LOSS_SETTINGS, "pair loss")
    if not slash:
        return ("proxy" if pair_loss in PROXY_LOSSES else "plain"), pair_loss
    refuse_unknown([method], METHODS, "training method")
    if pair_loss in BATCH_LOSSES and method != "plain":
        raise ConfigError(
            f"{pair_loss} compares a batch with itself and cannot be trained as {text}. Choose --loss={pair_loss}, or "
            f"another pair loss for {method}."
        )
    return method, pair_loss


def refuse_unknown(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raises a ConfigError that names the nearest of ``known`` if one of ``names`` is not among them."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."
            raise ConfigError(f"Unknown {what} {name!r}. {hint}")
