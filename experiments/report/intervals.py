"""Confidence in a score that was measured once."""

from __future__ import annotations

import numpy as np

_RESAMPLES = 1000


def bootstrap_interval(values: np.ndarray, seed: int = 0) -> list[float]:
    """The 95% percentile interval for the mean, by 1,000 resamplings with replacement.

    Over the queries of a test set it tells how much the score owes to the choice of queries. It does not tell
    what another training would reach, and as images of one class fail together it is rather too narrow.

    Args:
      values: [num] one score per query.
      seed: of the resampling.

    Returns:
      [low, high].
    """
    random = np.random.default_rng(seed)
    means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(_RESAMPLES)]
    return [float(end) for end in np.percentile(means, (2.5, 97.5))]
