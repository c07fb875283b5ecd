"""Pages of the Python interface: which names, in which order; mkdocstrings fills in their docstrings."""

from __future__ import annotations

from collections.abc import Iterable

import ccp
from ccp.losses.registry import MINING, PAIR_LOSSES
from ccp.methods.registry import METHODS

_TRAINING = (
    *("CCPModel", "ProjectOnPlateau", "ProjectEveryEpochs", "ProjectOnStaleness", "balanced_batches"),
    *("Trainer", "LoopSettings", "ProjectionSettings", "OptimizerSettings", "GradientSettings"),
)
_EXTENDING = {
    "Settings": ("ccp.settings.setting", "ccp.registry.Registry", "ccp.errors"),
    "Losses": ("ccp.losses.whole_batch.WholeBatchLoss", "ccp.pairs.Pairs", "ccp.losses.registry.PairLossEntry"),
    "Methods": ("ccp.methods.registry.Method",),
    "Data sets": (
        *("datasets.registry.DataSet", "datasets.manifest.Manifest", "datasets.manifest.Entry"),
        *("datasets.manifest.Counts", "datasets.manifest.assemble"),
    ),
    "Backbones": ("models.registry.Backbone", "models.settings.NetworkSettings"),
    "Metrics": (
        *("evaluate.metrics.registry.Metric", "evaluate.metrics.ranked_hits.RankedHits"),
        "evaluate.metrics.ranked_hits.Scores",
    ),
}


def ccp_page() -> str:
    """The public names of ``ccp``, grouped; a name in no group comes last."""
    groups = {
        "Training": _TRAINING,
        "Methods": _classes(METHODS),
        "Pair losses": ("PairLoss", *_classes(PAIR_LOSSES)),
        "Mining": _classes(MINING),
    }
    named = {name for names in groups.values() for name in names}
    groups["Pieces"] = tuple(name for name in dir(ccp) if name not in named)
    text = "# The package ccp\n\n`pip install .` installs it alone; `dir(ccp)` lists these names.\n"
    homes = {heading: [f"{ccp._HOME_OF[name]}.{name}" for name in names] for heading, names in groups.items()}
    return text + _sections(homes)


def extending_page() -> str:
    """What a new loss, method, data set, backbone or metric is made with."""
    head = (
        "# To extend it\n\n[Contributing](../contributing.md) has a recipe for each; these are the classes they use.\n"
    )
    return head + _sections(_EXTENDING)


def _classes(registry) -> tuple[str, ...]:
    return tuple(dict.fromkeys(entry.path.partition(":")[2] for entry in registry.values() if entry.path))


def _sections(groups: dict[str, Iterable[str]]) -> str:
    return "".join(
        f"\n## {heading}\n\n" + "\n\n".join(f"::: {path}" for path in paths) + "\n" for heading, paths in groups.items()
    )
