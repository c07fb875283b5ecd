"""Queries replaced by a mean of themselves and what they find."""

from __future__ import annotations

import numpy as np

from evaluate.search.neighbors import nearest_neighbors


class QueryExpansion:
    """Searches for the weighted sum of each query and its k nearest references, at unit length.

    The weight of a reference is its cosine similarity to the query, at least 0, to the power ``alpha``; that of the
    query is 1. With 0 it is the average (Chum et al., "Total Recall", ICCV 2007); 3 is usual otherwise (Radenović et
    al., "Fine-tuning CNN Image Retrieval with No Human Annotation", TPAMI 2019, section 4.3).

    Args:
      queries: [num_queries, embedding_size].
      gallery: [num_references, embedding_size]; None: the queries search each other.
      k: how many to add.
      alpha: the power, not negative.
    """

    def __init__(self, queries: np.ndarray, gallery: np.ndarray | None, k: int = 5, alpha: float = 0.0):
        self._queries, self._gallery = queries, gallery
        self._references = queries if gallery is None else gallery
        self._near = nearest_neighbors(queries, gallery, k).indices
        self._alpha = alpha

    def expanded(self, rows: np.ndarray) -> np.ndarray:
        """[rows, embedding_size] float64; a sum of length 0 stays 0."""
        own, near = (
            vectors.astype(np.float64) for vectors in (self._queries[rows], self._references[self._near[rows]])
        )
        products = np.einsum("qkd,qd->qk", near, own)
        lengths = np.linalg.norm(near, axis=2) * np.linalg.norm(own, axis=1)[:, np.newaxis]
        similarities = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
        sums = own + np.einsum("qk,qkd->qd", np.maximum(similarities, 0.0) ** self._alpha, near)
        norms = np.linalg.norm(sums, axis=1, keepdims=True)
        return np.divide(sums, norms, out=np.zeros_like(sums), where=norms > 0)

    def ranked(self, rows: np.ndarray, count: int) -> np.ndarray:
        """The references of some queries, [rows, count], the best first; no query finds itself."""
        itself = self._gallery is None
        count = min(count, len(self._references) - itself)
        found = nearest_neighbors(self.expanded(rows), self._references, count + itself).indices
        if not itself:
            return found
        # Where a query is not among what it finds, the last one is too many.
        own = found == rows[:, np.newaxis]
        own[:, -1] |= ~own.any(axis=1)
        return found[~own].reshape(len(rows), count)
