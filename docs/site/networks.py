"""The catalogue's rows of networks. Needs neither TensorFlow nor MkDocs."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from docs.site.markdown import described
from models import conventions
from models.keras_applications import KERAS_APPLICATIONS
from models.registry import Backbone

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


def network_cells(entry: Backbone) -> Iterator[str]:
    """Of a backbone: its docstring's first line, input, intensities and weights."""
    yield described(entry.builder).summary
    resized = f" ({round(entry.size * entry.resize)})" if entry.resize != 1 else ""
    yield f"{entry.size}{resized}"
    yield _FORMULAS[entry.mean, entry.scale, entry.blue_first]
    yield ("`imagenet`, " if entry.weights_package else "") + ("a file" if entry.pretrained else "from scratch")


def keras_families() -> Iterator[tuple[str, ...]]:
    """A row for each family of Keras Applications: its networks, their inputs, smallest inputs and intensities."""
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
