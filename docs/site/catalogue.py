"""docs/catalogue.md: tables of all there is to choose from, made from the registries and docstrings.

``python -m docs.site.catalogue`` writes the page anew. Needs neither TensorFlow nor MkDocs.
"""

from __future__ import annotations

import ast
import importlib.util
import itertools
import pathlib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from ccp.losses.registry import MINING, PAIR_LOSSES, PairLossEntry
from ccp.methods.registry import METHODS
from ccp.settings import Setting
from datasets.registry import DATA_SETS
from evaluate.metrics.registry import METRICS
from models import conventions
from models.keras_applications import KERAS_APPLICATIONS
from models.registry import BACKBONES, POOLINGS, Backbone

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


class Described(NamedTuple):
    """What a docstring says, in Markdown."""

    summary: str
    source: str = ""
    departs: str = ""


def described(path: str) -> Described:
    """The docstring of ``module:name``, or of ``module``: its first line, and its paragraphs Source and Departs.

    Raises:
      LookupError: there is no such docstring.
    """
    module, _, name = path.partition(":")
    tree = ast.parse(pathlib.Path(importlib.util.find_spec(module).origin).read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if getattr(node, "name", None) == name] if name else [tree]
    docstring = (ast.get_docstring(nodes[0]) if nodes else None) or ""
    if not docstring:
        raise LookupError(f"{path} has no docstring.")
    paragraphs = [" ".join(paragraph.split()) for paragraph in docstring.replace("``", "`").split("\n\n")]
    found = {text.partition(": ")[0]: text.partition(": ")[2] for text in paragraphs}
    return Described(paragraphs[0], found.get("Source", ""), found.get("Departs", ""))


def table(head: str, rows: Iterable[Iterable[str]]) -> str:
    """A table in Markdown; ``head`` names the columns, separated by ``|``."""
    columns = [column.strip() for column in head.split("|")]
    escaped = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return "\n".join("| " + " | ".join(line) + " |" for line in [columns, ["---"] * len(columns), *escaped])


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
            ((f"`{name}`", *_network(entry)) for name, entry in networks.items()),
        ),
        keras_networks=table("backbone | input, pixels | smallest | intensities", _keras_families()),
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


_FORMULAS = {
    conventions.UNIT: "x / 255",
    conventions.SIGNED: "x / 127.5 − 1",
    conventions.IMAGENET: "(x / 255 − mean) / deviation",
    conventions.CAFFE: "x − mean, blue first",
    (0.5, 2.0, False): "x / 127.5 − 1",
    (conventions.IMAGENET_MEAN, 255.0, True): "(x / 255 − mean) · 255, blue first",
    ((127 / 255,) * 3, 255 / 128, False): "(x − 127) / 128",
    ((128 / 255,) * 3, 255 / 128, False): "x / 128 − 1",
}


def _network(entry: Backbone) -> Iterator[str]:
    yield described(entry.builder).summary
    resized = f" ({round(entry.size * entry.resize)})" if entry.resize != 1 else ""
    yield f"{entry.size}{resized}"
    yield _FORMULAS[entry.mean, entry.scale, entry.blue_first]
    yield ("`imagenet`, " if entry.weights_package else "") + ("a file" if entry.pretrained else "from scratch")


def _keras_families() -> Iterator[tuple[str, ...]]:
    families = itertools.groupby(
        KERAS_APPLICATIONS.items(),
        lambda item: (re.match("efficientnet_v2|[a-z]+(_rs)?", item[0])[0], item[1].convention),
    )
    for (_, convention), members in families:
        names, networks = zip(*members)
        sizes, smallest = (
            ", ".join(dict.fromkeys(str(getattr(network, size)) for network in networks))
            for size in ("size", "smallest")
        )
        note = "; Keras 2 only" if networks[0].only_keras_2 else ""
        yield ", ".join(f"`{name}`" for name in names), sizes, smallest, _FORMULAS[convention] + note


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
