"""The trainings of the study, as data. Free of TensorFlow.

A row is one setting; a run is a row with a seed. Stage ``tune`` looks for settings on two data sets alone; stage
``confirm`` measures what was chosen on three others; stage ``methods`` trains every loss and every method on letters.
Runs are listed in the order in which they are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ccp.losses.registry import PAIR_LOSSES
from ccp.methods.registry import METHODS


class Run(NamedTuple):
    """One training.

    Attributes:
      stage: one of ``STAGES``.
      dataset: a key of ``DATA_SETS``.
      row: what is trained, such as ``c2`` or ``c2-ccp-every1``.
      base: the row of the same data set that it is compared with; its own name for a base.
      seed: of the training.
      flags: the settings of ``main.py train``, without data and seed.
    """

    stage: str
    dataset: str
    row: str
    base: str
    seed: int
    flags: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Of its result's file."""
        return f"{self.dataset}-{self.row}-seed{self.seed}"


# Photographs: EfficientNet-Lite0 from ImageNet at 128 pixels, a budget of 20 epochs of 25 steps.
_PRETRAINED = {
    "backbone": "efficientnet_lite0",
    "weights": "imagenet",
    "image_size": 128,
    "freeze_bn": True,
    "validation": "fold1",
    "cache": "memory",
    "learning_rate": 1e-4,
    "steps_per_epoch": 25,
    "max_epochs": 20,
}
# "{}" is the directory that holds the data sets' directories.
DATA_SETS: dict[str, dict[str, Any]] = {
    "typefaces": {"dataset": "typefaces"},
    "omniglot": {"dataset": "omniglot", "data_dir": "{}/omniglot"},
    **{
        name: {"dataset": "csv", "manifest": f"{{}}/{name}/manifest.csv", "data_dir": f"{{}}/{name}", **_PRETRAINED}
        for name in ("cub_half", "cars_half", "grocery")
    },
}

_EVERY_EPOCH = {"projection": "period", "projection_period": 1, "proxy_start_epoch": 0}
_PLATEAU = {"projection": "plateau", "patience": 3, "proxy_start_epoch": 0}
_BATCH_LEADS = {"batch_weight": 1.0, "proxy_weight": 0.1}
_EQUAL = {"batch_weight": 1.0, "proxy_weight": 1.0}
_LATE = {"proxy_start_epoch": 5}

# A row's name: the pair loss, then the method, then what differs from a projection every epoch, weights (0.1, 1) and
# the defaults. "every2": a projection every second epoch. "b1p01": weights (1, 0.1). "late": the first
# proxies after five epochs.
_BASES = {"c2": {"loss": "contrastive"}, "ms": {"loss": "multi_similarity"}}
_CCP = {name: {"loss": f"ccp/{base['loss']}", **_EVERY_EPOCH} for name, base in _BASES.items()}


def _variants(base: str, **changes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{base}-ccp-{name}": {**_CCP[base], **change} for name, change in changes.items()}


_LONG = {"max_epochs": 60}  # Twice the budget: does the base catch up?


def _every(epochs: int) -> dict[str, Any]:
    return {"projection_period": epochs}


_TUNED_ON_TYPEFACES = {
    "c2": _BASES["c2"],
    "c2-ccp": _CCP["c2"],
    "c2-ccp-plateau": {"loss": "ccp/contrastive", **_PLATEAU},
    "ms": _BASES["ms"],
    "ms-ccp": _CCP["ms"],
    **_variants("c2", b1p1=_EQUAL, b1p01=_BATCH_LEADS),
    **_variants("ms", b1p1=_EQUAL),
    **_variants("ms", every2=_every(2), every5=_every(5)),
    "ms-ccp-plateau": {"loss": "ccp/multi_similarity", **_PLATEAU},
    "ms-long": {**_BASES["ms"], **_LONG},
    **_variants("c2", every2=_every(2), every5=_every(5)),
    "c2-long": {**_BASES["c2"], **_LONG},
    **_variants("ms", k1={"proxies_per_class": 1}, lambda0={"proximal_weight": 0}),
    **_variants("ms", rate10={"proxy_rate_multiplier": 10}, b1p01=_BATCH_LEADS),
    "ms-proxy": {"loss": "proxy/multi_similarity", "proxies_per_class": 8},
    "c2-proxy": {"loss": "proxy/contrastive", "proxies_per_class": 8},
    **_variants("ms", k4={"proxies_per_class": 4}, lambda2e3={"proximal_weight": 2e-3}),
    **_variants("ms", rate100={"proxy_rate_multiplier": 100}),
    **_variants("c2", k1={"proxies_per_class": 1}, k4={"proxies_per_class": 4}),
    **_variants("c2", rate10={"proxy_rate_multiplier": 10}, rate100={"proxy_rate_multiplier": 100}),
    **_variants("c2", lambda0={"proximal_weight": 0}, lambda2e3={"proximal_weight": 2e-3}),
    **_variants("c2", long=_LONG),
    **_variants("ms", long=_LONG),
    **_variants("c2", late=_LATE),
    **_variants("ms", late=_LATE),
}
_SLOW = {"learning_rate": 1e-5}
_TUNED_ON_CUB = {
    "start": {**_BASES["c2"], "steps_per_epoch": 1, "max_epochs": 1},  # For the scores before training.
    "c2": _BASES["c2"],
    "c2-ccp": _CCP["c2"],
    "c2-ccp-plateau": {"loss": "ccp/contrastive", **_PLATEAU},
    "ms": _BASES["ms"],
    "ms-ccp": _CCP["ms"],
    **_variants("c2", b1p1=_EQUAL),
    **_variants("ms", b1p1=_EQUAL),
    **_variants("c2", b1p01=_BATCH_LEADS, every2=_every(2)),
    **_variants("ms", b1p01=_BATCH_LEADS),
    **_variants("c2", late=_LATE),
    **_variants("ms", late=_LATE),
    "c2-slow": {**_BASES["c2"], **_SLOW},
    **_variants("c2", **{f"slow-every{epochs}": {**_SLOW, **_every(epochs)} for epochs in (1, 4, 10)}),
}


# What tuning chose, written down before anything was confirmed (docs/results.md).
_CHOSEN = {"projection": "staleness", "staleness": 1e-3, "proxy_start_epoch": 0}

# Margins of Cars196 are the paper's; the other data sets take the defaults, which are those of CUB.
_HYPERPARAMETERS: dict[str, dict[str, dict[str, Any]]] = {
    "cars_half": {
        "contrastive": {"pos_margin": 0.2652, "neg_margin": 0.5409},
        "multi_similarity": {"alpha": 14.35, "beta": 75.83, "base": 0.66},
        "triplet": {"margin": 0.1190},
    }
}


def _confirmed(dataset: str, *losses: str) -> dict[str, dict[str, Any]]:
    """Each pair loss alone, with proxies that are trained as weights, and with CCP as it was chosen."""
    names = {"c1": "cosine_contrastive", "c2": "contrastive", "ms": "multi_similarity", "triplet": "triplet"}
    rows = {}
    for name in losses:
        loss = names[name]
        own = _HYPERPARAMETERS.get(dataset, {}).get(loss, {})
        rows[name] = {"loss": loss, **own}
        rows[f"{name}-proxy"] = {"loss": f"proxy/{loss}", "proxies_per_class": 8, **own}
        rows[f"{name}-ccp"] = {"loss": f"ccp/{loss}", **_CHOSEN, **own}
    return rows


def _changed(dataset: str, suffix: str, **changes: Any) -> dict[str, dict[str, Any]]:
    """CCP as it was chosen, but for some settings."""
    return {f"{name}-ccp-{suffix}": {**_confirmed(dataset, name)[f"{name}-ccp"], **changes} for name in ("c2", "ms")}


def _plateaus(dataset: str) -> dict[str, dict[str, Any]]:
    """CCP with the paper's schedule."""
    return _changed(dataset, "plateau", projection="plateau", staleness=None)


def _late(dataset: str) -> dict[str, dict[str, Any]]:
    """Proxies from a network that has been trained for some epochs: tried after the first results on cars."""
    return _changed(dataset, "late", **_LATE)


def _memories(dataset: str) -> dict[str, dict[str, Any]]:
    """XBM, and CCP with it. Photographs are trained for 500 steps, so their memory fills early."""
    own = _HYPERPARAMETERS.get(dataset, {}).get("contrastive", {})
    early = {"memory_start_step": 100} if DATA_SETS[dataset].get("weights") else {}
    return {
        "c2-xbm": {"loss": "xbm/contrastive", **early, **own},
        "c2-xbm-ccp": {"loss": "ccp_xbm/contrastive", **early, **_CHOSEN, **own},
    }


def _runs(stage: str, dataset: str, rows: Mapping[str, Mapping[str, Any]], seeds: Iterable[int]) -> Iterator[Run]:
    """All rows with the first seed, then with the next: a whole table comes early."""
    for seed in seeds:
        for row, flags in rows.items():
            base = "c2-xbm" if row.startswith("c2-xbm-") else row.split("-")[0]
            base += "".join(word for word in ("-slow", "-long") if word in row)
            yield Run(stage, dataset, row, base, seed, {name: v for name, v in flags.items() if v is not None})


# Every pair loss alone, and each method with a loss that it is published with, or else with C2.
_PUBLISHED_WITH = {"mdr": "triplet", "proxy_synthesis": "proxy_anchor", "hpl": "proxy_anchor"}
_LOSSES = (
    *PAIR_LOSSES,
    *(f"{method}/{_PUBLISHED_WITH.get(method, 'contrastive')}" for method in METHODS if method != "plain"),
    *(f"ccp/{loss}" for loss in ("cosine_contrastive", "triplet", "multi_similarity", "margin")),
)


def _every_method(seeds: Iterable[int]) -> Iterator[Run]:
    for seed in seeds:
        for loss in _LOSSES:
            yield Run("methods", "typefaces", loss.replace("/", "-"), loss.rpartition("/")[2], seed, {"loss": loss})


_CONFIRMING = ("omniglot", "grocery", "cars_half")
RUNS: tuple[Run, ...] = (
    *_runs("tune", "typefaces", _TUNED_ON_TYPEFACES, range(1)),
    *_runs("tune", "cub_half", _TUNED_ON_CUB, range(1)),
    *(run for name in _CONFIRMING for run in _runs("confirm", name, _confirmed(name, "c2", "ms"), range(3))),
    *(run for name in _CONFIRMING for run in _runs("confirm", name, _late(name), range(3))),
    *(run for name in _CONFIRMING for run in _runs("confirm", name, _plateaus(name), range(3))),
    *(run for name in _CONFIRMING for run in _runs("confirm", name, _confirmed(name, "c1", "triplet"), range(3))),
    *(run for name in _CONFIRMING for run in _runs("confirm", name, _memories(name), range(3))),
    *_runs("confirm", "omniglot", {**_confirmed("omniglot", "c2", "ms"), **_plateaus("omniglot")}, (3, 4)),
    *_every_method(range(3)),
)
STAGES = ("tune", "confirm", "methods")
