"""The recorded output of the field's PyTorch BN-Inception, and the weights that it was recorded with."""

from __future__ import annotations

import ast
import functools
import pathlib
import zlib
from collections.abc import Mapping

import numpy as np

_GOLDEN = pathlib.Path(__file__).parent / "golden" / "bn_inception.npz"


@functools.cache
def recorded() -> Mapping[str, np.ndarray]:
    """All entries of bn_inception.npz by name."""
    with np.load(_GOLDEN) as file:
        return {name: file[name] for name in file.files}


@functools.cache
def pytorch_state() -> Mapping[str, np.ndarray]:
    """Every tensor as PyTorch names it and lays it out, filled by the rule of the recording."""
    shapes = (ast.literal_eval(str(shape)) for shape in recorded()["shapes"])
    return {str(name): _filled(str(name), shape) for name, shape in zip(recorded()["names"], shapes)}


def images() -> np.ndarray:
    """[2, 227, 227, 3] float32."""
    size = int(recorded()["size"])
    drawn = np.random.default_rng(int(recorded()["input_seed"])).normal(size=(int(recorded()["batch"]), size, size, 3))
    return drawn.astype(np.float32)


def _filled(name: str, shape: tuple[int, ...]) -> np.ndarray:
    drawn = np.random.default_rng(zlib.crc32(name.encode())).normal(size=shape)
    if name.endswith("_bn.running_var"):
        drawn = 1.0 + 0.5 * np.abs(drawn)
    elif name.endswith("_bn.weight"):
        drawn = 1.0 + 0.1 * drawn
    elif name.endswith(".weight"):
        drawn = drawn * np.sqrt(2.0 / np.prod(shape[1:]))
    else:
        drawn = 0.1 * drawn
    return drawn.astype(np.float32)
