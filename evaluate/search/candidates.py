"""The references that may be among a query's nearest."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluate.search.pair_scores import LOWEST, PairScores


class Candidates(NamedTuple):
    """Pairs of a query and a reference that may be among its nearest, [pairs] each.

    Attributes:
      queries: rows of the queries, ascending.
      references: indices.
      upper: upper bounds of the pairs' scores.
      lower: lower bounds.
    """

    queries: np.ndarray
    references: np.ndarray
    upper: np.ndarray
    lower: np.ndarray

    def where(self, kept: np.ndarray) -> Candidates:
        """Some of the pairs."""
        return Candidates(*(column[kept] for column in self))


class CandidatePool:
    """The candidates of one strip of queries so far.

    Args:
      counts: [queries] how many references each wants.
      query_norms: [queries] squared norms.
      reference_norms: [references] squared norms.
      most: a query that needs more candidates than this is crowded, and given up.
      scores: of the search.

    Attributes:
      thresholds: [queries] a pair whose upper bound is below its query's need not be added.
      crowded: [queries] which queries are given up.
    """

    def __init__(
        self, counts: np.ndarray, query_norms: np.ndarray, reference_norms: np.ndarray, most: int, scores: PairScores
    ):
        self.counts, self.query_norms, self.reference_norms = counts, query_norms, reference_norms
        self._most, self._scores = most, scores
        self.crowded = counts > most
        self.thresholds = np.where((counts > 0) & ~self.crowded, np.float32(LOWEST), np.float32(np.inf))
        self._limit = max(1000, int(3 * counts[~self.crowded].sum()))
        self._found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._size = 0

    def raise_thresholds(self, thresholds: np.ndarray) -> None:
        """Takes over scores that as many references as each query wants are sure to reach, [queries]."""
        np.maximum(self.thresholds, thresholds, out=self.thresholds)

    def add(self, queries: np.ndarray, references: np.ndarray, upper: np.ndarray) -> None:
        """Adds pairs with the upper bounds of their scores, and drops what has become hopeless when there are many."""
        if len(queries):
            self._found.append((queries.astype(np.int32), references.astype(np.int32), upper))
            self._size += len(queries)
            if self._size > self._limit:
                self.tighten()

    def tighten(self) -> Candidates:
        """Raises each threshold to the score that as many candidates as its query wants are sure to reach.

        Returns:
          The candidates that remain.
        """
        if not self._found:
            return Candidates(*(np.empty(0, dtype) for dtype in (np.int32, np.int32, np.float32, np.float32)))
        queries, references, upper = (np.concatenate(parts) for parts in zip(*self._found))
        lower = upper - self._scores.slack(self.query_norms[queries], self.reference_norms[references])
        # No score is above 0, so the bits of −lower rise with it: query and score make one number to sort by.
        bits = (np.maximum(-lower, 0) + np.float32(0)).view(np.uint32)
        order = np.argsort((queries.astype(np.uint64) << np.uint64(32)) | bits)
        candidates = Candidates(queries, references, upper, lower).where(order)
        number = np.bincount(candidates.queries, minlength=len(self.counts))
        starts = np.cumsum(number) - number
        enough = np.flatnonzero((number >= self.counts) & (self.counts > 0))
        sure = candidates.lower[starts[enough] + self.counts[enough] - 1]
        self.thresholds[enough] = np.maximum(self.thresholds[enough], sure)
        # Crowded ones by name as well: a thread that raises thresholds meanwhile may undo their infinite one.
        hopeful = (candidates.upper >= self.thresholds[candidates.queries]) & ~self.crowded[candidates.queries]
        crowded = np.bincount(candidates.queries[hopeful], minlength=len(self.counts)) > self._most
        self.crowded |= crowded
        self.thresholds[crowded] = np.inf
        candidates = candidates.where(hopeful & ~crowded[candidates.queries])
        self._found = [candidates[:3]]
        self._size = len(candidates.queries)
        self._limit = max(self._limit, 2 * self._size)
        return candidates


def first_thresholds(lower: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """For each query a score that as many references as it wants are sure to reach; LOWEST if there are not as many.

    Args:
      lower: [queries, references] lower bounds of scores.
      counts: [queries].
    """
    queries, references = lower.shape
    # Where few are wanted, the best of each of many groups of references do, which are faster to sort.
    groups = next((n for n in (16, 8, 4, 2) if references % n == 0 and counts.max() <= references // n // 4), 1)
    if groups > 1:
        lower = lower.reshape(queries, groups, references // groups).max(axis=1)
    ordered = np.sort(lower, axis=1)
    place = ordered.shape[1] - counts
    last = ordered.shape[1] - 1
    return np.where(place >= 0, ordered[np.arange(queries), np.clip(place, 0, last)], np.float32(LOWEST))


def reaching(upper: np.ndarray, thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The pairs whose upper bound reaches their query's threshold: few of a tile.

    Args:
      upper: [references, queries].
      thresholds: [queries].

    Returns:
      Their queries, references and upper bounds.
    """
    reached = (upper >= thresholds).reshape(-1)
    if reached.size % 8:
        places = np.flatnonzero(reached)
    else:  # Eight entries are looked at together.
        words = np.flatnonzero(reached.view(np.uint64) != 0)
        inside = np.flatnonzero(reached.reshape(-1, 8)[words])
        places = words[inside // 8] * 8 + inside % 8
    reference, query = np.divmod(places, upper.shape[1])
    return query, reference, upper.reshape(-1)[places]
