"""Retrieval scores as data: of each query, of each class, and their means."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class RetrievalResult:
    """Scores, and how they came about.

    Attributes:
      labels: [num_queries] int64.
      per_query: [num_queries] arrays by name. ``num_relevant`` is R; where it is 0 the scores are 0 and mean nothing.
      protocol: what was searched and how.
      clustering: agreement of k-means clusters with the labels, where that was asked for.
    """

    labels: np.ndarray
    per_query: dict[str, np.ndarray]
    protocol: dict[str, Any]
    clustering: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def scores(self) -> dict[str, np.ndarray]:
        """``per_query`` without ``num_relevant``."""
        return {name: values for name, values in self.per_query.items() if name != "num_relevant"}

    @property
    def means(self) -> dict[str, float]:
        """Over the queries that have a reference of their class, each query counting alike."""
        valid = self.per_query["num_relevant"] > 0
        return {name: float(values[valid].mean()) for name, values in self.scores.items()}

    def per_class(self) -> dict[int, dict[str, float]]:
        """By label, means over the queries of the class, and ``num_queries``; classes of lone queries are left out."""
        valid = self.per_query["num_relevant"] > 0
        labels, places, counts = np.unique(self.labels[valid], return_inverse=True, return_counts=True)
        sums = {name: np.bincount(places, values[valid]) for name, values in self.scores.items()}
        return {
            int(label): {"num_queries": int(counts[i]), **{name: float(sums[name][i] / counts[i]) for name in sums}}
            for i, label in enumerate(labels)
        }

    def to_dict(self) -> dict[str, Any]:
        """For JSON: protocol, means, clustering and classes."""
        classes = {str(label): scores for label, scores in self.per_class().items()}
        return {
            "protocol": self.protocol,
            "means": self.means,
            **({"clustering": self.clustering} if self.clustering else {}),
            "per_class": classes,
        }
