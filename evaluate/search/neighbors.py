"""The nearest neighbours of queries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluate.search.search import nearest_references


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
      EvaluationError: an embedding is not finite.
    """
    queries = np.asanyarray(queries)
    references = queries if gallery is None else np.asanyarray(gallery)
    k = min(k, len(references) - (gallery is None))
    indices = np.empty((len(queries), k), np.int64)
    for block, found in nearest_references(queries, gallery, np.full(len(queries), k)):
        indices[block] = found
    distances = np.empty(indices.shape)
    for row, found in enumerate(indices):
        difference = np.subtract(references[found], queries[row], dtype=np.float64)
        distances[row] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    return Neighbors(indices, distances)
