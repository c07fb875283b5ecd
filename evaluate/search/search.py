"""Exact nearest references of many queries in bounded memory, with all that tie.

Queries and references are compared tile by tile (``tiles``) by fast scores with a proven error (``pair_scores``). The
references that may be among a query's nearest are kept (``candidates``) and put into their exact order (``ranking``).
A query with too many candidates is compared with all references once more (``exhaustive``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from evaluate.search.candidates import CandidatePool
from evaluate.search.exhaustive import rank_exhaustively
from evaluate.search.pair_scores import PairScores
from evaluate.search.ranking import Ranking, rank
from evaluate.search.tiles import fill_among, fill_from_gallery, strips, thresholds_among_neighbors
from evaluate.search.vectors import Vectors


class Budget(NamedTuple):
    """How much is held at once.

    Attributes:
      tile: queries, and references, of a tile: 16 MB of scores, as many tiles as there are processors.
      candidates: of all queries together; 12 bytes each.
      exhaustive: pairs of queries that are compared with all references; some tens of bytes each.
    """

    tile: int = 2048
    candidates: int = 12_000_000
    exhaustive: int = 1_000_000


def rankings(
    queries: Vectors, references: Vectors, counts: np.ndarray, budget: Budget | None = None
) -> Iterator[Ranking]:
    """For each query at least its ``counts`` nearest references, by Euclidean distance; in blocks, in any order.

    Args:
      queries: [num_queries, embedding_size].
      references: [num_references, embedding_size]; the same object as ``queries`` if each query searches all others.
        It is then fast if neighbours stand near each other in their order, as when they are sorted by class. Best
        without equal ones, as many that tie take time.
      counts: [num_queries] how many references each query wants, more than there are is all; queries that want none are
        left out.
      budget: of memory.
    """
    scores, budget = PairScores(queries, references), budget or Budget()
    num_references = len(references) - scores.leave_one_out
    if not num_references:
        wanted = np.flatnonzero(counts)
        return iter([Ranking(wanted, *np.empty((2, len(wanted), 0), np.int64))])
    search = _search_among if scores.leave_one_out else _search_gallery
    return search(scores, np.minimum(counts, num_references), budget)


def _search_gallery(scores: PairScores, counts: np.ndarray, budget: Budget) -> Iterator[Ranking]:
    factor = scores.whole_factor(scores.queries)
    reference_norms = np.empty(len(scores.references), np.float32)
    pools = _pools(counts, factor.squared_norms, reference_norms, scores, budget)
    fill_from_gallery(pools, factor, reference_norms, scores, budget.tile)
    return _ranked(pools, counts, scores, budget)


def _search_among(scores: PairScores, counts: np.ndarray, budget: Budget) -> Iterator[Ranking]:
    factor = scores.whole_factor(scores.references)
    thresholds = thresholds_among_neighbors(factor, counts, scores, max(2, budget.tile // 2))
    order = np.argsort(np.where(counts > 0, thresholds, np.inf), kind="stable")
    scores, factor, counts = scores.reordered(order), factor.rows(order), counts[order]
    pools = _pools(counts, factor.squared_norms, factor.squared_norms, scores, budget)
    for pool, strip in zip(pools, strips(len(counts), budget.tile)):
        pool.raise_thresholds(thresholds[order[strip]])
    fill_among(pools, factor, budget.tile)
    del factor
    for found in _ranked(pools, counts, scores, budget):
        references = np.where(found.references < 0, -1, order[found.references])
        yield Ranking(order[found.queries], references, found.tie_groups)


def _pools(
    counts: np.ndarray, query_norms: np.ndarray, reference_norms: np.ndarray, scores: PairScores, budget: Budget
) -> list[CandidatePool]:
    most = budget.candidates // len(counts)
    return [
        CandidatePool(counts[strip], query_norms[strip], reference_norms, most, scores)
        for strip in strips(len(counts), budget.tile)
    ]


def _ranked(pools: list[CandidatePool], counts: np.ndarray, scores: PairScores, budget: Budget) -> Iterator[Ranking]:
    crowded = []
    for pool, strip in zip(pools, strips(len(counts), budget.tile)):
        candidates = pool.tighten()
        wanted = np.flatnonzero((pool.counts > 0) & ~pool.crowded)
        if len(wanted):
            places = np.searchsorted(wanted, candidates.queries)
            yield rank(wanted + strip.start, candidates._replace(queries=places), scores)
        crowded.append(np.flatnonzero(pool.crowded) + strip.start)
    crowded = np.concatenate(crowded)
    yield from rank_exhaustively(crowded, counts[crowded], scores, budget.exhaustive)
