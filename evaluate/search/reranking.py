"""Ways of putting what queries find into a better order."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from evaluate.search.k_reciprocal import KReciprocal
from evaluate.search.neighbors import Neighbors
from evaluate.search.pair_scores import PairScores
from evaluate.search.query_expansion import QueryExpansion
from evaluate.search.vectors import Vectors

_ALPHA = 3.0


class Reranker(Protocol):
    """Another order of the references of queries."""

    def ranked(self, rows: np.ndarray, count: int) -> np.ndarray:
        """The references of some queries, [rows, count], the best first; no query finds itself."""


def reranker(name: str, queries: np.ndarray, gallery: np.ndarray | None) -> Reranker:
    """``average`` and ``alpha`` (of 3) are query expansion, ``k_reciprocal`` is k-reciprocal encoding."""
    if name == "k_reciprocal":
        return KReciprocal(queries, gallery)
    return QueryExpansion(queries, gallery, alpha=_ALPHA if name == "alpha" else 0.0)


def reranked_neighbors(name: str, queries: np.ndarray, gallery: np.ndarray, count: int) -> Neighbors:
    """What queries find in a gallery, in the new order; distances are those between the embeddings as they are."""
    indices = reranker(name, queries, gallery).ranked(np.arange(len(queries)), count)
    scores = PairScores(Vectors(queries, "query"), Vectors(gallery, "gallery"))
    rows = np.repeat(np.arange(len(queries)), indices.shape[1])
    return Neighbors(indices, scores.distances(rows, indices.ravel()).reshape(indices.shape))
