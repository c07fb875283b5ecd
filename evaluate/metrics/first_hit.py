"""Metrics of the first relevant reference."""

from __future__ import annotations

import numpy as np

from evaluate.metrics.ranked_hits import RankedHits, Scores


def precision_at_1(hits: RankedHits) -> Scores:
    """Whether the nearest reference is relevant."""
    return recall_at_k(hits, 1)


def recall_at_k(hits: RankedHits, k: int) -> Scores:
    """Whether one of the k nearest references is relevant.

    This is the R@k of metric learning; the share of the R that are found, which information retrieval calls recall, is
    another number.
    """
    # Of the nearest group that has a relevant reference.
    first = np.argmax(hits.relevant > 0, axis=1)[:, np.newaxis]
    ahead, size, relevant = (
        np.take_along_axis(number, first, axis=1)[:, 0] for number in (hits.ahead, hits.size, hits.relevant)
    )
    taken = np.where(relevant > 0, np.clip(k - ahead, 0, size), 0)
    expected = (taken > 0).astype(float)
    tied = np.flatnonzero((taken > 0) & (size > 1))
    groups, place = np.unique(np.stack([size, relevant, taken])[:, tied], axis=1, return_inverse=True)
    expected[tied] = np.array([1.0 - _all_missed(*group) for group in groups.T])[place.ravel()]
    return Scores(taken > size - relevant, expected, taken > 0)


def _all_missed(size: int, relevant: int, taken: int) -> float:
    """The probability that the first ``taken`` of a group hold none of its relevant references."""
    # The product of the chances that the next one misses too; a quotient of binomials would overflow.
    place = np.arange(taken)
    return float(np.prod(np.maximum(size - relevant - place, 0) / (size - place)))
