"""Scores as data: of each query, of each class, and of the whole set."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class RetrievalResult:
    """Scores, and how they were computed.

    Attributes:
      labels: [num_queries] int64, or strings.
      num_relevant: [num_queries] R; where it is 0 the query's scores are 0 and mean nothing.
      per_query: by name, [num_queries] scores.
      protocol: what was searched and how.
    """

    labels: np.ndarray
    num_relevant: np.ndarray
    per_query: dict[str, np.ndarray]
    protocol: dict[str, Any]

    @property
    def valid(self) -> np.ndarray:
        """[num_queries] which queries have a reference of their class."""
        return self.num_relevant > 0

    @property
    def means(self) -> dict[str, float]:
        """By name, the mean over the valid queries, each counting alike."""
        return {name: float(scores[self.valid].mean()) for name, scores in self.per_query.items()}

    def per_class(self) -> dict[int | str, dict[str, float]]:
        """By label, means over the valid queries of the class, and ``num_queries``; classes without any are absent."""
        labels, places, counts = np.unique(self.labels[self.valid], return_inverse=True, return_counts=True)
        means = {name: np.bincount(places, scores[self.valid]) / counts for name, scores in self.per_query.items()}
        return {
            label: {"num_queries": int(counts[place]), **{name: float(of[place]) for name, of in means.items()}}
            for place, label in enumerate(labels.tolist())
        }
