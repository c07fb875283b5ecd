"""Gradients of plain-loop references, for those of the vectorised code to be compared with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def gradient(function: Callable[[np.ndarray], float], point: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """Differences of a float64 function in each coordinate; fails where a kink is within the step."""
    point = np.asarray(point, np.float64)
    middle, result = function(point), np.zeros_like(point)
    for index in np.ndindex(point.shape):
        shift = np.zeros_like(point)
        shift[index] = step
        forward, backward = (function(point + shift) - middle) / step, (middle - function(point - shift)) / step
        # A smooth function's two sides differ by step · f'', thousandths at most; a kink's or a jump's by far more.
        assert abs(forward - backward) < 2e-3, "a kink is too near: choose other points"
        result[index] = (forward + backward) / 2
    return result
