"""From candidates to the order of the references, with its ties."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluate.search.candidates import Candidates
from evaluate.search.pair_scores import PairScores


class Ranking(NamedTuple):
    """The nearest references of some queries.

    Attributes:
      queries: [queries] indices.
      references: [queries, width] indices, nearest first, with all that tie with the last one that is wanted; − 1
        after the last one.
      tie_groups: [queries, width] numbers that rise along a row, and stay where references tie.
    """

    queries: np.ndarray
    references: np.ndarray
    tie_groups: np.ndarray


def rank(queries: np.ndarray, candidates: Candidates, scores: PairScores) -> Ranking:
    """Orders each query's candidates, by exact distances where the bounds of their scores overlap.

    Args:
      queries: [queries] indices; the candidates count them from 0.
      candidates: all those of these queries.
      scores: of the search.
    """
    number = np.bincount(candidates.queries, minlength=len(queries))
    candidates = candidates.where(np.lexsort((-candidates.upper, candidates.queries)))
    place = np.arange(len(candidates.queries)) - np.repeat(np.cumsum(number) - number, number)
    cells, shape = (candidates.queries, place), (len(queries), int(number.max(initial=0)))
    references = np.full(shape, -1, np.int64)
    references[cells] = candidates.references
    # −score, so from the nearest that a reference may be to the farthest.
    nearest, farthest = np.full(shape, np.inf), np.full(shape, np.inf)
    nearest[cells], farthest[cells] = -candidates.upper, -candidates.lower
    # Whether a reference is surely farther than the one before it.
    farther = np.ones(shape, bool)
    farther[:, 1:] = nearest[:, 1:] > np.maximum.accumulate(farthest, axis=1)[:, :-1]
    farther |= references < 0
    unclear = np.flatnonzero(~farther.all(axis=1))
    if len(unclear):
        ordered = _by_distance(Ranking(queries[unclear], references[unclear], farther[unclear]), scores)
        references[unclear], farther[unclear] = ordered
    return Ranking(queries, references, np.cumsum(farther, axis=1))


def _by_distance(unclear: Ranking, scores: PairScores) -> tuple[np.ndarray, np.ndarray]:
    """Sorts within chains of references whose bounds overlap.

    Args:
      unclear: queries and references; in the place of tie groups, whether a reference is surely farther than the one
        before it.
      scores: of the search.

    Returns:
      References, and whether each is farther than the one before it, [queries, width].
    """
    queries, references, farther = unclear
    chain = np.cumsum(farther, axis=1)
    in_chain = ~farther
    in_chain[:, :-1] |= ~farther[:, 1:]
    in_chain &= references >= 0
    distance = np.zeros(chain.shape)
    rows, columns = np.nonzero(in_chain)
    distance[rows, columns] = scores.squared_distances(queries[rows], references[rows, columns])
    order = np.lexsort((distance, chain), axis=1)
    references, chain, distance = (np.take_along_axis(a, order, axis=1) for a in (references, chain, distance))
    farther = np.ones(chain.shape, bool)
    farther[:, 1:] = (chain[:, 1:] != chain[:, :-1]) | (distance[:, 1:] != distance[:, :-1])
    return references, farther
