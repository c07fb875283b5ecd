"""A gallery that is searched again and again, for one image at a time."""

from __future__ import annotations

import numpy as np

from evaluate.search.neighbors import Neighbors, nearest_neighbors
from evaluate.search.vectors import Vectors

_UNIT_ROUNDOFF = 2.0**-24  # Of float32.


class GallerySearch:
    """The answers of ``nearest_neighbors``, without preparing the gallery for every query.

    Squared distances are first computed by a product in float32. Each errs by at most e = 1.01 (n + 4) u (‖q‖² + ‖g‖²)
    for n = embedding size and u the unit roundoff: (n + 1) u of it in q·g, the rest in ‖g‖², the difference and the
    limit. So the k nearest are among those whose result exceeds the k-th smallest by at most 2e; these are then
    compared exactly.

    Args:
      embeddings: [num_images, embedding_size], at least one.

    Raises:
      EvaluationError: an embedding is not finite.
    """

    def __init__(self, embeddings: np.ndarray):
        Vectors(embeddings, "gallery")  # Checks them.
        self._embeddings = np.ascontiguousarray(embeddings, np.float32)
        squared_norms = np.einsum("ij,ij->i", self._embeddings, self._embeddings, dtype=np.float64)
        self._largest = float(squared_norms.max())
        self._squared_norms = squared_norms.astype(np.float32)

    def nearest(self, query: np.ndarray, k: int) -> Neighbors:
        """The ``k`` nearest images of one query [embedding_size]; all where there are fewer.

        Raises:
          EvaluationError: the query is not finite, or of another size.
        """
        query = np.asarray(query, np.float32)[np.newaxis]
        Vectors(query, "query")
        if k >= len(self._embeddings) or query.shape[1] != self._embeddings.shape[1]:
            return nearest_neighbors(query, self._embeddings, k)
        squared = self._squared_norms - self._embeddings @ (2 * query[0])
        size = query.shape[1]
        error = 1.01 * (size + 4) * _UNIT_ROUNDOFF * (float(np.square(query, dtype=np.float64).sum()) + self._largest)
        limit = float(np.partition(squared, k - 1)[k - 1]) + 2 * error
        candidates = np.flatnonzero(squared <= limit)
        found = nearest_neighbors(query, self._embeddings[candidates], k)
        return found._replace(indices=candidates[found.indices])
