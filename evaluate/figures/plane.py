"""The plane in which an embedding is drawn."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Plane(NamedTuple):
    """A plane in the space of embeddings.

    Attributes:
      center: [embedding_size].
      axes: [embedding_size, 2]; the second one is 0 where there is only one direction.
    """

    center: np.ndarray
    axes: np.ndarray

    def flat(self, points: np.ndarray) -> np.ndarray:
        """Coordinates in the plane, [num, 2], of points [num, embedding_size]."""
        return (points - self.center) @ self.axes


def principal_plane(embeddings: np.ndarray) -> Plane:
    """The plane of the two principal components of embeddings [num, embedding_size], at least one."""
    embeddings = np.asarray(embeddings, np.float64)
    center = embeddings.mean(axis=0)
    components = np.linalg.svd(embeddings - center, full_matrices=False)[2][:2]
    axes = np.zeros((len(center), 2))
    axes[:, : len(components)] = components.T
    return Plane(center, axes)
