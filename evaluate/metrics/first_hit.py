"""Metrics of the first relevant reference."""

from __future__ import annotations

import numpy as np

from evaluate.metrics.ranked_hits import RankedHits, Scores


def precision_at_1(hits: RankedHits) -> Scores:
    """Whether the nearest reference is relevant."""
    ahead, size, relevant = hits.first_hit
    nearest = (ahead == 0) & (relevant > 0)
    expected = np.where(nearest, relevant / np.maximum(size, 1), 0.0)
    return Scores(nearest & (relevant == size), expected, nearest)


def recall_at_k(hits: RankedHits, k: int) -> Scores:
    """Whether one of the k nearest references is relevant.

    This is the R@k of metric learning; the share of the R that are found, which information retrieval calls recall, is
    another number.
    """
    ahead, size, relevant = hits.first_hit
    taken = np.where(relevant > 0, np.clip(k - ahead, 0, size), 0)
    expected = (taken > 0).astype(float)
    tied = np.flatnonzero((taken > 0) & (size > 1))
    groups, place = np.unique(np.stack([size, relevant, taken])[:, tied], axis=1, return_inverse=True)
    expected[tied] = np.array([1.0 - _all_missed(*group) for group in groups.T])[place.ravel()]
    return Scores(taken > size - relevant, expected, taken > 0)


def mrr(hits: RankedHits) -> Scores:
    """1 / rank of the first relevant reference, among all references."""
    ahead, size, relevant = hits.first_hit
    found = relevant > 0
    expected = np.where(found, 1.0 / (ahead + 1), 0.0)
    tied = np.flatnonzero(found & (size > 1))
    groups, place = np.unique(np.stack([ahead, size, relevant])[:, tied], axis=1, return_inverse=True)
    expected[tied] = np.array([_expected_inverse(*group) for group in groups.T])[place.ravel()]
    lowest, highest = (np.where(found, 1.0 / rank, 0.0) for rank in (ahead + size - relevant + 1, ahead + 1))
    return Scores(lowest, expected, highest)


def _all_missed(size: int, relevant: int, taken: int) -> float:
    """The probability that the first ``taken`` of a group hold none of its relevant references."""
    # The product of the chances that the next one misses too; a quotient of binomials would overflow.
    place = np.arange(taken)
    return float(np.prod(np.maximum(size - relevant - place, 0) / (size - place)))


def _expected_inverse(ahead: int, size: int, relevant: int) -> float:
    """The expected inverse of the rank of a group's first relevant reference."""
    place = np.arange(size - relevant + 1)
    missed = np.cumprod(np.concatenate([[1.0], (size - relevant - place[:-1]) / (size - place[:-1])]))
    return float((missed * relevant / (size - place) / (ahead + 1 + place)).sum())
