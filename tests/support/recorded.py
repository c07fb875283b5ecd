"""Values recorded from the reference implementation: inputs and outputs in float32, on a CPU."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Mapping

import numpy as np

_GOLDEN = pathlib.Path(__file__).parent / "golden"


@functools.cache
def original() -> Mapping[str, np.ndarray]:
    """All entries of original.npz by name."""
    with np.load(_GOLDEN / "original.npz") as file:
        return {name: file[name] for name in file.files}


@functools.cache
def addons() -> Mapping[str, np.ndarray]:
    """All entries of addons.npz by name: recorded from TensorFlow Addons 0.23."""
    with np.load(_GOLDEN / "addons.npz") as file:
        return {name: file[name] for name in file.files}


@functools.cache
def cited() -> Mapping[str, np.ndarray]:
    """All entries of cited.npz by name: recorded in float64 from the code that ``cited_test`` names."""
    with np.load(_GOLDEN / "cited.npz") as file:
        return {name: file[name] for name in file.files}


def below(prefix: str) -> dict[str, np.ndarray]:
    """The entries below ``prefix``, by the rest of their name."""
    return {name[len(prefix) + 1 :]: value for name, value in original().items() if name.startswith(prefix + "/")}


def settings(loss: str) -> dict[str, float]:
    """The settings that a loss was recorded with."""
    return {name: float(value) for name, value in below(f"{loss}/settings").items()}


def assert_matches(actual, recorded, tolerance: float = 1e-5) -> None:
    """Fails unless the two agree to ``tolerance`` of the recorded array's largest magnitude."""
    actual, recorded = np.asarray(actual), np.asarray(recorded)
    assert actual.shape == recorded.shape, f"shape {actual.shape}, recorded {recorded.shape}"
    largest = np.abs(recorded).max()
    assert largest > 0, "an array of zeros has no relative error"
    np.testing.assert_allclose(actual, recorded, rtol=0, atol=tolerance * largest)
