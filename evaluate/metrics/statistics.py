"""Means, deviations and confidence intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

_CONFIDENCE = 0.95
_RESAMPLES = 1000


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


def crossed_interval(scores: Mapping[Sequence[int], float], repeats: int) -> list[float] | None:
    """A 95% interval for the mean over combinations of one repeat for each of several factors.

    Combinations share repeats, so they are not independent; the repeats are. To first order the mean is the sum of
    what each factor's repeats add, so its variance is Σ over factors of s² / repeats, with s the deviation of the
    means over the combinations that hold a repeat (Hoeffding's decomposition, its first terms).

    Args:
      scores: by combination: the repeat of each factor, from 0.
      repeats: of each factor.

    Returns:
      [low, high], by Student's distribution with factors · (repeats − 1) degrees of freedom; None for one repeat.
    """
    if repeats < 2:
        return None
    combinations, values = np.array(list(scores)), np.array(list(scores.values()))
    factors = combinations.shape[1]
    variance = 0.0
    for factor in range(factors):
        means = [values[combinations[:, factor] == repeat].mean() for repeat in range(repeats)]
        variance += np.var(means, ddof=1) / repeats
    half = stats.t.ppf(0.5 + _CONFIDENCE / 2, factors * (repeats - 1)) * variance**0.5
    return [float(values.mean() - half), float(values.mean() + half)]


def mean_scores(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each score over several results."""
    return {name: float(np.mean([one[name] for one in scores])) for name in scores[0]}


def bootstrap_interval(values: np.ndarray, seed: int = 0) -> list[float]:
    """The 95% percentile interval for the mean, by 1,000 resamplings with replacement.

    Over the queries of a test set it shows how much the score depends on the choice of queries. It does not show what
    another training would reach, and as images of one class fail together it is rather too narrow.

    Args:
      values: [num] one score per query.
      seed: of the resampling.

    Returns:
      [low, high].
    """
    random = np.random.default_rng(seed)
    means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(_RESAMPLES)]
    return np.percentile(means, [50 * (1 - _CONFIDENCE), 50 * (1 + _CONFIDENCE)]).tolist()
