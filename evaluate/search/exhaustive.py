"""Queries that want many references, or have many at nearly the same distance: a few at a time, in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluate.search.candidates import Candidates
from evaluate.search.pair_scores import LOWEST, PairScores
from evaluate.search.ranking import Ranking, rank


def rank_exhaustively(chosen: np.ndarray, counts: np.ndarray, scores: PairScores, most_pairs: int) -> Iterator[Ranking]:
    """Ranks the references of some queries from the scores of all of them.

    Args:
      chosen: [chosen] the queries.
      counts: [chosen] how many references each wants.
      scores: of the search.
      most_pairs: of which the scores are held at once.
    """
    references = scores.references
    step = max(1, most_pairs // len(references))
    for start in range(0, len(chosen), step):
        block, wanted = chosen[start : start + step], counts[start : start + step]
        factor, rows = scores.factor(scores.queries.take(block), np.float64), np.arange(len(block))
        upper, lower = np.empty((2, len(block), len(references)))
        for first, vectors in references.blocks():
            columns = slice(first, first + len(vectors))
            upper[:, columns], lower[:, columns] = scores.bounds(factor, scores.factor(vectors, np.float64))
        if scores.leave_one_out:
            upper[rows, block] = lower[rows, block] = LOWEST
        thresholds = np.sort(lower, axis=1)[rows, len(references) - wanted]
        reached = np.nonzero((upper >= thresholds[:, np.newaxis]) & (upper > LOWEST))
        yield rank(block, Candidates(*reached, upper[reached], lower[reached]), scores)
