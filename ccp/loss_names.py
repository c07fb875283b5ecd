"""``METHOD/PAIR_LOSS``: how a training is named. Free of TensorFlow."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from ccp.errors import ConfigError
from ccp.loss_settings import PAIR_LOSS_SETTINGS

METHODS = ("plain", "proxy", "xbm", "ccp", "ccp_xbm")
# Losses defined against proxies: without a method before the slash they mean just that.
PROXY_LOSSES = ("proxy_anchor", "proxy_nca", "soft_triple")
WITH_PROXIES = ("proxy", "ccp", "ccp_xbm")
WITH_PROJECTIONS = ("ccp", "ccp_xbm")
WITH_MEMORY = ("xbm", "ccp_xbm")


def parse_loss(text: str) -> tuple[str, str]:
    """Splits ``METHOD/PAIR_LOSS`` into both.

    Without a method, ``plain`` is meant, or ``proxy`` for the losses that are defined against proxies.

    Raises:
      ConfigError: either is unknown; the message lists the nearest names.
    """
    method, slash, pair_loss = text.rpartition("/")
    refuse_unknown([pair_loss], PAIR_LOSS_SETTINGS, "pair loss")
    if not slash:
        return ("proxy" if pair_loss in PROXY_LOSSES else "plain"), pair_loss
    refuse_unknown([method], METHODS, "training method")
    return method, pair_loss


def refuse_unknown(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Raises a ConfigError that names the nearest of ``known`` if one of ``names`` is not among them."""
    known = list(known)
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            hint = f"Did you mean {' or '.join(near)}?" if near else f"There are: {', '.join(known)}."
            raise ConfigError(f"Unknown {what} {name!r}. {hint}")
