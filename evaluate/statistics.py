"""Mean, deviation and confidence of repeated measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

_CONFIDENCE = 0.95


def summary(values: Sequence[float]) -> dict[str, Any]:
    """Describes independent repeats of a measurement.

    Args:
      values: one per repeat.

    Returns:
      ``mean``; ``deviation``, of the sample; ``interval_95``, Student's interval for the mean, as [low, high]; both
      None for a single repeat; and ``count``.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return {"mean": mean, "deviation": None, "interval_95": None, "count": len(values)}
    deviation = float(np.std(values, ddof=1))
    half = float(stats.t.ppf(0.5 + _CONFIDENCE / 2, len(values) - 1)) * deviation / len(values) ** 0.5
    return {"mean": mean, "deviation": deviation, "interval_95": [mean - half, mean + half], "count": len(values)}


def mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each score over several results."""
    return {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}
