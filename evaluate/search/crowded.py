"""Queries that want many references, or have many at nearly the same distance: a few at a time, in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluate.search.ranking import Ranking, rank
from evaluate.search.rows import Rows
from evaluate.search.scores import NOTHING, Scores, other_side


def rank_crowded(
    chosen: np.ndarray,
    queries: Rows,
    references: Rows,
    counts: np.ndarray,
    itself: bool,
    scores: Scores,
    most_entries: int,
) -> Iterator[Ranking]:
    """As ``evaluate.search.search.rankings``, for the queries that are chosen."""

    def distances(query: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return scores.distances(queries, references, query, reference)

    step = max(1, most_entries // len(references))
    for start in range(0, len(chosen), step):
        block = chosen[start : start + step]
        side, squares = scores.side(queries.take(block), np.float64)
        high, slack = np.empty((len(block), len(references))), np.empty((len(block), len(references)))
        for first, there in references.blocks():
            span = slice(first, first + len(there))
            other, other_squares = scores.side(there, np.float64)
            high[:, span] = side @ other_side(other).T
            slack[:, span] = scores.slack(squares[:, np.newaxis], other_squares)
        if itself:
            high[np.arange(len(block)), block] = NOTHING
        low = np.subtract(high, slack, out=slack)
        bounds = np.sort(low, axis=1)[np.arange(len(block)), len(references) - counts[block]]
        rows, columns = np.nonzero((high >= bounds[:, np.newaxis]) & (high > NOTHING))
        yield rank(block, (rows, columns, high[rows, columns], low[rows, columns]), distances)
