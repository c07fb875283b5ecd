"""Metrics of the precision among the nearest references."""

from __future__ import annotations

import numpy as np

from evaluate.metrics.ranked_hits import RankedHits, Scores


def r_precision(hits: RankedHits) -> Scores:
    """Relevant references among the R nearest, over R."""
    return Scores(*(found / np.maximum(hits.num_relevant, 1) for found in _found_in(hits, hits.num_relevant)))


def precision_at_k(hits: RankedHits, k: int) -> Scores:
    """Relevant references among the k nearest, over k, also where there are fewer than k references."""
    return Scores(*(found / k for found in _found_in(hits, np.full_like(hits.num_relevant, k))))


def map_at_r(hits: RankedHits) -> Scores:
    """Σ over the R nearest of the precision at each hit, over R (Musgrave et al., ECCV 2020)."""
    sums = _precision_sums(hits, hits.num_relevant)
    return Scores(*(one / np.maximum(hits.num_relevant, 1) for one in sums))


def map_at_k(hits: RankedHits, k: int) -> Scores:
    """Σ over the k nearest of the precision at each hit, over min(k, R).

    Divided by the number of hits instead, as some do, it would rise when a late hit is lost.
    """
    sums = _precision_sums(hits, np.where(hits.num_relevant > 0, k, 0))
    return Scores(*(one / np.clip(hits.num_relevant, 1, k) for one in sums))


def _found_in(hits: RankedHits, limit: np.ndarray) -> Scores:
    """How many of the nearest ``limit`` [queries] are relevant."""
    taken = hits.taken(limit)
    lowest, highest = np.maximum(taken - hits.misses, 0), np.minimum(taken, hits.relevant)
    expected = hits.relevant * taken / np.maximum(hits.size, 1)
    return Scores(*(found.sum(axis=1) for found in (lowest, expected, highest)))


def _precision_sums(hits: RankedHits, limit: np.ndarray) -> Scores:
    """Σ over the nearest ``limit`` [queries] of the precision at each hit.

    At place i of its group a reference is a hit with probability relevant / size. Then it and the hits_ahead are hits,
    and each of the i − 1 before it in the group with probability (relevant − 1) / (size − 1). So the expected sum over
    the m places within the limit is, with H the harmonic numbers and ΔH = H(ahead + m) − H(ahead) = Σ 1 / (ahead + i),
    relevant / size · ((hits_ahead + 1) ΔH + (relevant − 1) / (size − 1) · (m − (ahead + 1) ΔH)).
    """
    ahead, hits_ahead, size, relevant, misses = hits.ahead, hits.hits_ahead, hits.size, hits.relevant, hits.misses
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int(limit.max(initial=0)) + 1))])
    last = len(harmonic) - 1
    taken = hits.taken(limit)

    def inverse_ranks(first: np.ndarray, number: np.ndarray) -> np.ndarray:
        return harmonic[np.minimum(first + number, last)] - harmonic[np.minimum(first, last)]

    def all_hits(first: np.ndarray, number: np.ndarray) -> np.ndarray:
        # Σ (hits_ahead + i) / (first + i), which is the number itself, not rounded, where all before are hits.
        return number + (hits_ahead - first) * inverse_ranks(first, number)

    inverse = inverse_ranks(ahead, taken)
    others = (relevant - 1) / np.maximum(size - 1, 1)
    mixed = relevant / np.maximum(size, 1) * ((hits_ahead + 1) * inverse + others * (taken - (ahead + 1) * inverse))
    expected = np.where(misses == 0, all_hits(ahead, taken), mixed)
    lowest = all_hits(ahead + misses, np.maximum(taken - misses, 0))
    highest = all_hits(ahead, np.minimum(taken, relevant))
    return Scores(*(sums.sum(axis=1) for sums in (lowest, expected, highest)))
