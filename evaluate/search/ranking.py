"""From bounds of scores to the order of the references, with its ties."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Ranking(NamedTuple):
    """The nearest references of some queries.

    Attributes:
      queries: [queries] indices.
      references: [queries, width] indices, nearest first; all that tie with the last one that is wanted are
        there. − 1 where a query has fewer.
      ties: [queries, width] numbers that rise along a row, and stay where references tie.
    """

    queries: np.ndarray
    references: np.ndarray
    ties: np.ndarray


def rank(
    queries: np.ndarray,
    entries: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    distances: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> Ranking:
    """Orders each query's entries, by exact distances where bounds do not tell.

    Args:
      queries: [queries].
      entries: of each, the row of its query, ascending; the reference; bounds of the score from above, below.
      distances: of pairs of queries and references.
    """
    rows, references, high, low = entries
    number = np.bincount(rows, minlength=len(queries))
    order = np.lexsort((-high, rows))
    column = np.arange(len(rows)) - np.repeat(np.cumsum(number) - number, number)
    shape = len(queries), int(number.max(initial=0))
    found = np.full(shape, -1, np.int64)
    found[rows, column] = references[order]
    # Nearest possible and farthest possible, as far as they can be told from the scores.
    near, far = np.full(shape, np.inf), np.full(shape, np.inf)
    near[rows, column], far[rows, column] = -high[order], -low[order]
    breaks = np.ones(shape, bool)
    breaks[:, 1:] = near[:, 1:] > np.maximum.accumulate(far, axis=1)[:, :-1]
    breaks |= found < 0
    unclear = np.flatnonzero(~breaks.all(axis=1))
    if len(unclear):
        some, ties = _resolved(queries[unclear], found[unclear], breaks[unclear], distances)
        found[unclear], breaks[unclear] = some, ties
    return Ranking(queries, found, np.cumsum(breaks, axis=1))


def _resolved(
    queries: np.ndarray, references: np.ndarray, breaks: np.ndarray, distances: Callable
) -> tuple[np.ndarray, np.ndarray]:
    """Sorts within chains of references whose bounds overlap; returns the references, and where ties end."""
    chain = np.cumsum(breaks, axis=1)
    doubtful = ~breaks
    doubtful[:, :-1] |= ~breaks[:, 1:]
    doubtful &= references >= 0
    exact = np.zeros(chain.shape)
    rows, columns = np.nonzero(doubtful)
    exact[rows, columns] = distances(queries[rows], references[rows, columns])
    order = np.lexsort((exact, chain), axis=1)
    references, chain, exact = (np.take_along_axis(array, order, axis=1) for array in (references, chain, exact))
    differ = np.ones(chain.shape, bool)
    differ[:, 1:] = (chain[:, 1:] != chain[:, :-1]) | (exact[:, 1:] != exact[:, :-1])
    return references, differ
