"""The nearest neighbours of queries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluate.search.pair_scores import PairScores
from evaluate.search.search import rankings
from evaluate.search.vectors import Vectors


class Neighbors(NamedTuple):
    """The nearest references of each query.

    Attributes:
      indices: [num_queries, k] int64, nearest first; equally near ones in the order of their indices.
      distances: [num_queries, k] float64, Euclidean.
    """

    indices: np.ndarray
    distances: np.ndarray


def nearest_neighbors(queries: np.ndarray, gallery: np.ndarray | None = None, k: int = 10) -> Neighbors:
    """The ``k`` nearest references of each query, exactly, by the Euclidean distance in float64.

    Args:
      queries: [num_queries, embedding_size].
      gallery: [num_references, embedding_size], may be a memory map. None: the queries search each other, and a query
        does not find itself (by its index: its duplicates are found).
      k: at least 1. Where there are fewer references, all are returned.

    Raises:
      EvaluationError: an array is empty, an embedding is not finite, or the embedding sizes differ.
    """
    queries = Vectors(queries, "query")
    references = queries if gallery is None else Vectors(gallery, "gallery")
    k = min(k, len(references) - (gallery is None))
    found = Neighbors(np.empty((len(queries), k), np.int64), np.empty((len(queries), k)))
    for ranking in rankings(queries, references, np.full(len(queries), k)):
        last = np.where(ranking.references < 0, len(references), ranking.references)
        order = np.lexsort((last, ranking.tie_groups), axis=1)[:, :k]
        found.indices[ranking.queries] = np.take_along_axis(ranking.references, order, axis=1)
    rows = np.repeat(np.arange(len(queries)), k)
    found.distances[:] = (
        PairScores(queries, references).distances(rows, found.indices.ravel()).reshape(found.indices.shape)
    )
    return found
