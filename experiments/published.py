"""The paper's own results, to stand beside those of a run."""

from __future__ import annotations

import csv
import pathlib

from evaluate.metrics.registry import STANDARD
from experiments.settings import Settings

_TABLE = pathlib.Path(__file__).with_name("published_results.csv")
_DATASETS = {"cub": "CUB", "cars196": "Cars196", "sop": "SOP", "inshop": "In-Shop"}
_BASES = {"cosine_contrastive": "C1", "contrastive": "C2", "triplet": "Triplet", "multi_similarity": "MS"}
_SINGLE_MODEL = 128
_METHODS = {"proxy": "{}", "xbm": "{}-XBM-L", "ccp": "{}-CCP-L"}
_PROXY_LOSSES = {
    "proxy_anchor": ("ProxyAnchor",),
    "proxy_nca": ("ProxyNCA++",),
    "soft_triple": ("SoftTriple-L", "SoftTriple-S"),  # For a data set the paper has one or the other.
}


def published_scores(settings: Settings, embedding_size: int) -> dict[str, float] | None:
    """What the paper (tables 1 and 2 of its supplement) reports for a data set and loss, as fractions.

    Its numbers are of BN-Inception pretrained on ImageNet, at 128 dimensions for single models and 512 for the four of
    a repeat joined.

    Args:
      settings: names data set and loss.
      embedding_size: 128 or 512.

    Returns:
      By metric; None where the paper has no such line.
    """
    if settings.network.embedding_size != _SINGLE_MODEL:
        return None
    if len(settings.loss.terms) > 1:
        return None
    (term,) = settings.loss.terms
    names = _names(term.method, term.pair_loss)
    with open(_TABLE, newline="") as file:
        for row in csv.DictReader(file):
            here = (row["dataset"], row["embedding_size"]) == (
                _DATASETS.get(settings.data.dataset),
                str(embedding_size),
            )
            if here and row["method"] in names:
                return {metric: float(row[metric]) / 100 for metric in STANDARD}
    return None


def _names(method: str, pair_loss: str) -> tuple[str, ...]:
    """What the paper calls a training."""
    if (method, pair_loss) == ("hpl", "proxy_anchor"):
        return ("HPL-PA",)
    if method == "proxy" and pair_loss in _PROXY_LOSSES:
        return _PROXY_LOSSES[pair_loss]
    return (_METHODS[method].format(_BASES[pair_loss]),) if method in _METHODS and pair_loss in _BASES else ()
