"""Exact nearest references of many queries in bounded memory, with all that tie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from evaluate.search.candidates import Pool
from evaluate.search.crowded import rank_crowded
from evaluate.search.ranking import Ranking, rank
from evaluate.search.rows import Rows
from evaluate.search.scores import Scores
from evaluate.search.sets import largest_value
from evaluate.search.tiles import Side, bounds_among_neighbours, gather_among, gather_from, spans


class Budget(NamedTuple):
    """How much is held at once.

    Attributes:
      tile: queries, and references, of a tile: 16 MB of scores, as many tiles as there are processors.
      kept: candidates of all queries; 12 bytes each.
      crowded: scores of queries that are looked at one by one with all references; some tens of bytes each.
    """

    tile: int = 2048
    kept: int = 12_000_000
    crowded: int = 1_000_000


def rankings(
    queries: Rows | None, references: Rows, counts: np.ndarray, largest: float, budget: Budget | None = None
) -> Iterator[Ranking]:
    """For each query at least its ``counts`` nearest references, by Euclidean distance; in blocks, in any order.

    Args:
      queries: [num_queries, embedding_size]; None for the references themselves, each searching all others.
        It is then fast if neighbours stand near each other in their order, as when they are sorted by class.
      references: [num_references, embedding_size]; best with no equal ones, since many that tie take time.
      counts: [num_queries] how many each query wants; those that want none are not in the result.
      largest: the largest absolute value in both.
      budget: of memory.
    """
    itself, budget = queries is None, budget or Budget()
    if len(references) == itself:
        wanted = np.flatnonzero(counts)
        yield Ranking(wanted, *np.empty((2, len(wanted), 0), np.int64))
        return
    counts = np.minimum(counts, len(references) - itself)
    scores = Scores(references, largest)
    side = Side(references if itself else queries, scores)
    if not itself:
        squares = np.empty(len(references), np.float32)
        pools = _pools(counts, side.squares, squares, scores, budget)
        gather_from(references, squares, side, pools, scores, budget.tile)
        yield from _ranked(pools, queries, references, counts, itself, scores, budget)
        return
    bounds = bounds_among_neighbours(side, counts, scores, max(2, budget.tile // 2))
    order = np.argsort(np.where(counts > 0, bounds, np.inf), kind="stable")
    side.reorder(order)
    references, counts = references.choose(order), counts[order]
    pools = _pools(counts, side.squares, side.squares, scores, budget)
    for pool, strip in zip(pools, spans(len(counts), budget.tile)):
        pool.raise_bounds(bounds[order[strip]])
    gather_among(side, pools, scores, budget.tile)
    for found in _ranked(pools, references, references, counts, itself, scores, budget):
        yield Ranking(order[found.queries], np.where(found.references < 0, -1, order[found.references]), found.ties)


def nearest_references(
    queries: np.ndarray, gallery: np.ndarray | None, counts: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For blocks of queries, the nearest references; ties go to the reference with the lower index.

    Without a gallery the queries search among themselves, and a query never finds itself: it is left out by its
    index, so duplicates of it are found.

    Args:
      queries: [num_queries, embedding_size], at least one.
      gallery: [num_references, embedding_size], which may be a memory map; None for the queries themselves.
      counts: [num_queries] how many references each query wants; more than there are is all.

    Yields:
      Query indices [block], in any order and without those that want nothing; and their references
      [block, max(counts) in the block], nearest first. Of a query's, as many as it wants are right.

    Raises:
      EvaluationError: an embedding is not finite.
    """
    rows, counts = Rows([np.asanyarray(queries)]), np.asarray(counts)
    references = rows if gallery is None else Rows([np.asanyarray(gallery)])
    largest = max(largest_value(rows, "query"), largest_value(references, "gallery"))
    for ranking in rankings(None if gallery is None else rows, references, counts, largest):
        places = np.where(ranking.references < 0, len(references), ranking.references)
        order = np.lexsort((places, ranking.ties), axis=1)[:, : counts[ranking.queries].max(initial=0)]
        yield ranking.queries, np.take_along_axis(ranking.references, order, axis=1)


def _pools(
    counts: np.ndarray, squares: np.ndarray, reference_squares: np.ndarray, scores: Scores, budget: Budget
) -> list[Pool]:
    most = budget.kept // len(counts)
    strips = spans(len(counts), budget.tile)
    return [Pool(counts[strip], most, squares[strip], reference_squares, scores) for strip in strips]


def _ranked(
    pools: list[Pool],
    queries: Rows,
    references: Rows,
    counts: np.ndarray,
    itself: bool,
    scores: Scores,
    budget: Budget,
) -> Iterator[Ranking]:
    def distances(query: np.ndarray, reference: np.ndarray) -> np.ndarray:
        return scores.distances(queries, references, query, reference)

    crowded = []
    for pool, strip in zip(pools, spans(len(counts), budget.tile)):
        rows, *entries = pool.tighten()
        wanted = np.flatnonzero((counts[strip] > 0) & ~pool.crowded)
        if len(wanted):
            yield rank(wanted + strip.start, (np.searchsorted(wanted, rows), *entries), distances)
        crowded.append(np.flatnonzero(pool.crowded) + strip.start)
    chosen = np.concatenate(crowded)
    yield from rank_crowded(chosen, queries, references, counts, itself, scores, budget.crowded)
