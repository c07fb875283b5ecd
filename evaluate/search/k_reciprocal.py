"""Re-ranking by the neighbours that two images share.

Source: Zhong et al., "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR 2017, equations 3 to 12.

Departs: distances are squared Euclidean ones between the embeddings as they are. Of each query only the nearest
references are put into another order, so that memory does not grow with the square of the number of images.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from evaluate.search.neighbors import nearest_neighbors

_MOST_PAIRS = 50_000  # Whose sparse vectors are compared at once.
_CANDIDATES_PER_NEIGHBOR = 10


class KReciprocal:
    """Ranks references by λ·distance + (1 − λ)·Jaccard distance of k-reciprocal neighbours.

    Args:
      queries: [num_queries, embedding_size].
      gallery: [num_references, embedding_size]; None: the queries search each other.
      k1: neighbours of an image.
      k2: an image's encoding is the mean of those of its so many nearest images, itself among them.
      distance_weight: λ.
    """

    def __init__(
        self,
        queries: np.ndarray,
        gallery: np.ndarray | None,
        k1: int = 20,
        k2: int = 6,
        distance_weight: float = 0.3,
    ):
        self._queries, self._gallery, self._weight = queries, gallery, distance_weight
        self._first_reference = 0 if gallery is None else len(queries)
        self._images = queries if gallery is None else np.concatenate([queries, gallery])
        self._num_candidates = _CANDIDATES_PER_NEIGHBOR * k1
        found = nearest_neighbors(self._images, k=k1).indices
        neighbors = np.column_stack([np.arange(len(found)), found])
        encodings = _encodings(self._images, neighbors)
        k2 = min(k2, neighbors.shape[1])
        starts = np.arange(0, len(neighbors) * k2 + 1, k2)
        mean = sparse.csr_matrix((np.full(starts[-1], 1 / k2), neighbors[:, :k2].ravel(), starts))
        self._encodings = sparse.csr_matrix(mean @ encodings)

    def ranked(self, rows: np.ndarray, count: int) -> np.ndarray:
        """The references of some queries, [rows, count], the best first; no query finds itself."""
        references = self._images if self._gallery is None else self._gallery
        wanted = max(count, self._num_candidates)
        if self._gallery is None:
            found = nearest_neighbors(self._queries[rows], references, wanted + 1)
            kept = found.indices != rows[:, np.newaxis]
            kept[:, -1] &= ~kept.all(axis=1)
            shape = len(rows), found.indices.shape[1] - 1
            candidates, distances = found.indices[kept].reshape(shape), found.distances[kept].reshape(shape)
        else:
            candidates, distances = nearest_neighbors(self._queries[rows], references, wanted)
        jaccard = self._jaccard(np.repeat(rows, candidates.shape[1]), candidates.ravel() + self._first_reference)
        mixed = self._weight * distances**2 + (1 - self._weight) * jaccard.reshape(candidates.shape)
        order = np.argsort(mixed, axis=1, kind="stable")
        return np.take_along_axis(candidates, order, axis=1)[:, :count]

    def _jaccard(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """[pairs] distances of the encodings of two images; each encoding's sum is 1 (equation 10)."""
        shared = np.empty(len(first))
        for start in range(0, len(first), _MOST_PAIRS):
            pairs = slice(start, start + _MOST_PAIRS)
            both = self._encodings[first[pairs]].minimum(self._encodings[second[pairs]])
            shared[pairs] = np.asarray(both.sum(axis=1)).ravel()
        return 1.0 - shared / (2.0 - shared)


def _encodings(images: np.ndarray, neighbors: np.ndarray) -> sparse.csr_matrix:
    """[images, images]: for the reciprocal neighbours of each image exp(−distance²), divided by their sum."""
    half = neighbors[:, : 1 + max(1, round((neighbors.shape[1] - 1) / 2))]
    near, near_half = ([set(row) for row in lists.tolist()] for lists in (neighbors, half))
    columns, weights, starts = [], [], [0]
    for image, row in enumerate(neighbors.tolist()):
        reciprocal = {other for other in row if image in near[other]}
        expanded = set(reciprocal)
        for other in reciprocal:  # Equation 4.
            others = {third for third in near_half[other] if other in near_half[third]}
            if 3 * len(others & reciprocal) >= 2 * len(others):
                expanded |= others
        chosen = np.array(sorted(expanded))
        differences = images[chosen].astype(np.float64) - images[image]
        weight = np.exp(-np.square(differences).sum(axis=1))
        columns.append(chosen)
        weights.append(weight / weight.sum())
        starts.append(starts[-1] + len(chosen))
    shape = len(images), len(images)
    return sparse.csr_matrix((np.concatenate(weights), np.concatenate(columns), starts), shape=shape)
