"""What a ranking is worth when references tie: by counting, not by an order that nobody chose.

A tie group is ``size`` references at one distance, ``relevant`` of them of the query's class. It comes after
``ahead`` references that are nearer, ``hits`` of them relevant. Every order of the group is as likely as every
other; the expected value is taken over these, and the lowest and highest over all of them.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np


class TieGroups(NamedTuple):
    """Tie groups of queries, [queries, groups] each, nearest first; groups of size 0 count for nothing."""

    ahead: np.ndarray
    hits: np.ndarray
    size: np.ndarray
    relevant: np.ndarray

    @classmethod
    def of(cls, size: np.ndarray, relevant: np.ndarray) -> TieGroups:
        """From how many references each group has, and how many of them are relevant, [queries, groups]."""
        return cls(np.cumsum(size, axis=1) - size, np.cumsum(relevant, axis=1) - relevant, size, relevant)

    def taken(self, limit: np.ndarray) -> np.ndarray:
        """How many of each group are among the nearest ``limit`` [queries]."""
        return np.clip(limit[:, np.newaxis] - self.ahead, 0, self.size)

    def expected_hits(self, limit: np.ndarray) -> np.ndarray:
        """[queries] relevant references among the nearest ``limit``, on average."""
        return (self.relevant * self.taken(limit) / np.maximum(self.size, 1)).sum(axis=1)

    def first_hit(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ahead, size and relevant of the nearest group with a hit, [queries] each; relevant is 0 if none has."""
        place = np.argmax(self.relevant > 0, axis=1)[:, np.newaxis]
        return tuple(np.take_along_axis(array, place, axis=1)[:, 0] for array in (self.ahead, self.size, self.relevant))


def precision_sums(groups: TieGroups, limit: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Σ over the nearest ``limit`` of the precision at each hit: expected, lowest and highest, [queries] each.

    At place i of its group a reference is a hit with probability relevant / size; then hits + 1 are there, and of
    the i − 1 before it in the group (relevant − 1) / (size − 1) each. So the expected sum over the m places within
    the limit is, with H the harmonic numbers and ΔH = H(ahead + m) − H(ahead) = Σ 1 / (ahead + i),
    relevant / size · ((hits + 1) ΔH + (relevant − 1) / (size − 1) · (m − (ahead + 1) ΔH)).
    """
    ahead, hits, size, relevant = groups
    harmonic = np.concatenate([[0.0], np.cumsum(1.0 / np.arange(1, int(limit.max(initial=0)) + 1))])
    taken = groups.taken(limit)

    def inverse_ranks(first: np.ndarray, number: np.ndarray) -> np.ndarray:
        last = len(harmonic) - 1
        return harmonic[np.minimum(first + number, last)] - harmonic[np.minimum(first, last)]

    def all_hits(first: np.ndarray, number: np.ndarray) -> np.ndarray:
        # Σ (hits + i) / (first + i), which is the number itself, not rounded, where all before are hits.
        return number + (hits - first) * inverse_ranks(first, number)

    inverse = inverse_ranks(ahead, taken)
    others = (relevant - 1) / np.maximum(size - 1, 1)
    mixed = relevant / np.maximum(size, 1) * ((hits + 1) * inverse + others * (taken - (ahead + 1) * inverse))
    misses = size - relevant
    expected = np.where(misses == 0, all_hits(ahead, taken), mixed)
    lowest = all_hits(ahead + misses, np.maximum(taken - misses, 0))
    return expected.sum(axis=1), lowest.sum(axis=1), all_hits(ahead, np.minimum(taken, relevant)).sum(axis=1)


def recall(ahead: np.ndarray, size: np.ndarray, relevant: np.ndarray, k: int) -> np.ndarray:
    """The probability that one of the nearest ``k`` is relevant, from the nearest group that has a hit."""
    taken = np.clip(k - ahead, 0, size)
    found = np.where((relevant > 0) & (taken > 0), 1.0, 0.0)
    for query in np.flatnonzero((taken > 0) & (relevant > 0) & (size > 1)):
        found[query] = 1.0 - _all_missed(int(size[query]), int(relevant[query]), int(taken[query]))
    return found


def reciprocal_rank(ahead: np.ndarray, size: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """The expected inverse of the rank of the first hit, from the nearest group that has one."""
    ranks = np.zeros(len(ahead))
    alone = size == 1
    ranks[alone] = 1.0 / (ahead[alone] + 1)
    for query in np.flatnonzero((relevant > 0) & (size > 1)):
        ranks[query] = _expected_inverse(int(ahead[query]), int(size[query]), int(relevant[query]))
    return ranks


@functools.lru_cache(maxsize=10_000)
def _all_missed(size: int, relevant: int, taken: int) -> float:
    # Σ would lose digits: the product of the chances that the next one misses too.
    place = np.arange(min(taken, size))
    return float(np.prod(np.maximum(size - relevant - place, 0) / (size - place)))


@functools.lru_cache(maxsize=10_000)
def _expected_inverse(ahead: int, size: int, relevant: int) -> float:
    place = np.arange(size - relevant + 1)
    missed = np.cumprod(np.concatenate([[1.0], (size - relevant - place[:-1]) / (size - place[:-1])]))
    return float((missed * relevant / (size - place) / (ahead + 1 + place)).sum())
