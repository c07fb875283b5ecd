"""How far the copies that replicas keep are from one device's."""

from __future__ import annotations

import math

import numpy as np

# Below this, a tensor's differences are taken as they are: there is nothing that they could be relative to.
_SMALLEST_SCALE = 1e-3


def differences(several: dict[str, list[np.ndarray]], one: dict[str, list[np.ndarray]]) -> dict[str, float]:
    """By name, how far the copies of several replicas are from what one device has."""
    assert several.keys() == one.keys(), sorted(several.keys() ^ one.keys())
    return {name: _difference(copies, one[name][0]) for name, copies in several.items()}


def _difference(copies: list[np.ndarray], expected: np.ndarray) -> float:
    if any(copy.tobytes() != copies[0].tobytes() for copy in copies):
        return math.inf
    actual, expected = copies[0].astype(np.float64), expected.astype(np.float64)
    if not expected.size:
        return 0.0
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), _SMALLEST_SCALE))
