"""docs/catalogue.md: tables of all there is to choose from, made from the registries and docstrings.

``python -m docs.site.catalogue`` writes the page anew. Needs neither TensorFlow nor MkDocs.
"""

from __future__ import annotations

import pathlib
from collections.abc import Iterator, Mapping

from ccp.losses.registry import MINING, PAIR_LOSSES, PairLossEntry
from ccp.methods.registry import METHODS
from ccp.settings import Setting
from datasets.registry import DATA_SETS
from docs.site.markdown import Described, described, table
from docs.site.networks import keras_families, network_cells
from evaluate.metrics.registry import METRICS
from models.registry import BACKBONES, POOLINGS

PAGE = pathlib.Path(__file__).parent.parent / "catalogue.md"
_TEMPLATE = """\
# Catalogue

<!-- Made from the registries and docstrings: change those, then run `make docs`. -->

All there is to choose from. Settings are flags of the same names; their defaults are shown, and
`main.py train --help` says what each means. [Training](training.md) explains how the choices work together.

## Training methods

`--loss=METHOD/PAIR_LOSS`: the pair loss compares anchors with references, and the method says with which.

{methods}

## Pair losses

Without a method, a pair loss compares a batch with itself, or with class proxies if it is defined against them. Those
that only compare a batch with itself take no method.

{pair_losses}

## Mining

`--mining` chooses which pairs of each anchor count, against any references.

{mining}

## Departures from the sources

{departures}

## Networks

`--backbone`. Evaluated images are resized (in brackets: the shorter side), then cropped to the network's input. The
network itself converts intensities, here from x in 0 … 255; mean and deviation are ImageNet's.

{networks}

`hub/PRESET` of KerasHub and `FILE.keras`, a network of your own, bring size and convention with them:
[training](training.md#networks).

### Keras Applications

Evaluated images are resized to the input's size / 0.875, then cropped. The smallest input is Keras' own limit.

{keras_networks}

## Poolings

{poolings}

## Data sets

{data_sets}

## Metrics

{metrics}
"""


def page() -> str:
    """The whole page."""
    losses = {name: described(entry.path) for name, entry in PAIR_LOSSES.items()}
    methods = {name: described(entry.path) for name, entry in METHODS.items() if entry.path}
    mining = {name: described(entry.path) for name, entry in MINING.items() if entry.path}
    networks = {name: entry for name, entry in BACKBONES.items() if not entry.keras_name}
    return _TEMPLATE.format(
        methods=table(
            "method | references | source | settings",
            (
                (f"`{name}/`", entry.about, methods.get(name, Described("")).source, _settings(entry.settings))
                for name, entry in METHODS.items()
            ),
        ),
        pair_losses=table(
            "pair loss | | alone, against | `--mining` | source | settings",
            (
                (f"`{name}`", text.summary, *_references(PAIR_LOSSES[name]), text.source, _settings(entry.arguments))
                for (name, text), entry in zip(losses.items(), PAIR_LOSSES.values())
            ),
        ),
        mining=table(
            "mining | pairs that count | source",
            [("`none`", "all", ""), *((f"`{name}`", text.summary, text.source) for name, text in mining.items())],
        ),
        departures="\n".join(_departures({**losses, **methods})),
        networks=table(
            "backbone | | input, pixels | intensities | weights",
            ((f"`{name}`", *network_cells(entry)) for name, entry in networks.items()),
        ),
        keras_networks=table("backbone | input, pixels | smallest | intensities", keras_families()),
        poolings=table("pooling | of a feature map", ((f"`{name}`", about) for name, about in POOLINGS.items())),
        data_sets=table("data set | | training images / classes | test images / classes | needs", _data_sets()),
        metrics=table(
            "metric | | of a query | k",
            (
                (entry.title, f"`{name}`", described(entry.function).summary, ", ".join(map(str, entry.ks)))
                for name, entry in METRICS.items()
            ),
        ),
    )


def _settings(settings: Mapping[str, Setting]) -> str:
    return ", ".join(f"`{name}={setting.default}`" for name, setting in settings.items())


def _references(entry: PairLossEntry) -> tuple[str, str]:
    alone = "class proxies" if entry.against_proxies else "the batch, always" if entry.within_batch else "the batch"
    alone = "a classifier" if entry.classifies else alone
    return alone, "yes" if entry.mines else ""


def _departures(texts: Mapping[str, Described]) -> Iterator[str]:
    for name, text in texts.items():
        if text.departs and text.departs != "nothing known.":
            yield f"- `{name}`: {text.departs}"


def _data_sets() -> Iterator[tuple[str, ...]]:
    for name, entry in DATA_SETS.items():
        test = [split for split in entry.expected if split != "train"]
        counts = [
            "; ".join(
                f"{entry.expected[split].images:,}{'' if split in ('train', 'test') else f' {split}'}"
                f" / {entry.expected[split].classes:,}"
                for split in splits
                if split in entry.expected
            )
            for splits in (["train"], test)
        ]
        needs = "`--data_dir`" if entry.in_folder else "`--manifest`" if entry.own_images else ""
        yield f"`{name}`", described(entry.module).summary, *counts, needs


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
