"""How tensors are called, in a network and in a file alike."""

from __future__ import annotations

import re

# Keras numbers the layers that its EfficientNet leaves unnamed by how many the process has built before.
_NUMBERED = re.compile(r"^(normalization)_\d+$")


def tensor_name(location: str) -> str:
    """``layer/weight`` of ``…/layer/weight:0``: a layer goes by its own name, whatever models it lies in."""
    *_, layer, weight = ["", *location.split("/")]
    layer = _NUMBERED.sub(r"\1", layer)
    return f"{layer}/{weight.partition(':')[0]}"


def layer_of(name: str) -> str:
    """The layer of a ``layer/weight``."""
    return name.partition("/")[0]
