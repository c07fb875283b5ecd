"""Gradients of plain-loop references, for those of the vectorised code to be held against."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def gradient(function: Callable[[np.ndarray], float], point: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Central differences in float64, one coordinate at a time; ``point`` must not be near a kink."""
    point = np.array(point, np.float64)
    result = np.zeros_like(point)
    for index in np.ndindex(*point.shape):
        ahead, behind = point.copy(), point.copy()
        ahead[index] += step
        behind[index] -= step
        result[index] = (function(ahead) - function(behind)) / (2 * step)
    return result
