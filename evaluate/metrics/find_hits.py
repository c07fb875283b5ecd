"""From labelled embeddings to ranked hits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluate.metrics.labelled_vectors import LabelledVectors, Points
from evaluate.metrics.ranked_hits import RankedHits
from evaluate.search.ranking import Ranking
from evaluate.search.search import Budget, rankings

_MAX_ENTRIES = 1_000_000


def find_hits(
    queries: LabelledVectors, references: LabelledVectors, depth: int, budget: Budget | None = None
) -> Iterator[RankedHits]:
    """The tie groups of all queries that have a reference of their class, in blocks, in any order.

    Equal references are searched for once, and counted.

    Args:
      queries: what searches.
      references: what is searched; the same object as ``queries`` if each query searches all others.
      depth: the groups hold at least so many of the nearest references, and at least R.
      budget: of memory.
    """
    leave_one_out = queries is references
    num_relevant = references.count(queries.labels) - leave_one_out
    wanted = np.where(num_relevant > 0, np.maximum(num_relevant, depth), 0)
    points = Points(references, by_label=leave_one_out)
    if leave_one_out:
        counts = np.zeros(len(points.vectors), np.int64)
        np.maximum.at(counts, points.point, wanted)
        found = rankings(points.vectors, points.vectors, counts, budget)
    else:
        found = rankings(queries.vectors, points.vectors, wanted, budget)
    for chosen, ranking in _in_blocks(found, points, leave_one_out):
        size, relevant = _tie_groups(ranking, points, queries.labels[chosen])
        if leave_one_out and not points.all_differ:
            # A query's duplicates, at distance 0, come before all others.
            own = points.point[chosen]
            size = np.column_stack([points.sizes[own] - 1, size])
            relevant = np.column_stack([points.count(own, queries.labels[chosen]) - 1, relevant])
        yield RankedHits(chosen, num_relevant[chosen], size, relevant)


def _in_blocks(found: Iterator[Ranking], points: Points, leave_one_out: bool) -> Iterator[tuple[np.ndarray, Ranking]]:
    """Yields some queries, and a row of the ranking for each: all queries at one point have the same."""
    for ranking in found:
        rows, queries = np.arange(len(ranking.queries)), ranking.queries
        if leave_one_out:
            rows, queries = points.members(ranking.queries)
        step = max(1, _MAX_ENTRIES // max(1, ranking.references.shape[1]))
        for start in range(0, len(queries), step):
            block = rows[start : start + step]
            yield queries[start : start + step], Ranking(*(column[block] for column in ranking))


def _tie_groups(ranking: Ranking, points: Points, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many references, and how many relevant ones, each tie group has, [queries, width] each.

    Args:
      ranking: of points.
      points: the references.
      labels: [queries].
    """
    found = ranking.references >= 0
    size = np.where(found, points.sizes[ranking.references], 0)
    relevant = np.where(found, points.count(ranking.references, labels[:, np.newaxis]), 0)
    ties = ranking.tie_groups
    if (ties[:, 1:] == ties[:, :-1]).any():
        groups = (ties - 1 + ties.shape[1] * np.arange(len(ties))[:, np.newaxis]).ravel()
        size, relevant = (
            np.bincount(groups, number.ravel(), minlength=ties.size).astype(np.int64).reshape(ties.shape)
            for number in (size, relevant)
        )
    return size, relevant
