"""Embeddings with their labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from ccp.errors import ConfigError
from ccp.labels import class_labels
from evaluate.errors import EvaluationError
from evaluate.search.duplicates import distinct
from evaluate.search.vectors import Vectors


class LabelledVectors:
    """Embeddings with their labels, checked.

    Args:
      embeddings: [number, embedding_size], at least one.
      labels: [number] or [number, 1] integers, booleans or strings.
      name: what they are called in messages.

    Attributes:
      vectors: the embeddings.
      labels: [number] int64, or strings.

    Raises:
      EvaluationError: shapes do not fit, labels are numbers with a fraction or one-hot, or an embedding is not finite.
    """

    def __init__(self, embeddings: np.ndarray, labels: Any, name: str):
        self.vectors = Vectors(embeddings, name)
        try:
            self.labels = class_labels(labels, len(self.vectors), f"The {name} set")
        except ConfigError as error:
            raise EvaluationError(str(error)) from error

    def count(self, labels: np.ndarray) -> np.ndarray:
        """How many vectors have each of ``labels``, in its shape."""
        return _counts(labels, *np.unique(self.labels, return_counts=True))


class Points:
    """The distinct vectors among references, and which references are at each.

    Args:
      references: what is searched.
      by_label: whether the points are sorted by label.

    Attributes:
      vectors: one for each point.
      point: [num_references] the point of each reference.
      sizes: [num_points] how many references are at each.
    """

    def __init__(self, references: LabelledVectors, by_label: bool):
        first, point = distinct(references.vectors)
        order = np.argsort(references.labels[first], kind="stable") if by_label else np.arange(len(first))
        first, self.point = first[order], np.argsort(order)[point]
        self.all_differ = len(first) == len(point)
        self.vectors = references.vectors if self.all_differ and not by_label else references.vectors.choose(first)
        self.sizes = np.bincount(self.point)
        self._labels = references.labels[first]
        self._references = np.argsort(self.point, kind="stable")
        self._starts = np.cumsum(self.sizes) - self.sizes
        if not self.all_differ:
            self._known = np.unique(references.labels)
            keys = self._keys(self.point, references.labels)
            self._key_counts = np.unique(keys, return_counts=True)

    def members(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The references at some points: the place in ``points`` of each, and its index."""
        sizes = self.sizes[points]
        places = np.repeat(np.arange(len(points)), sizes)
        offsets = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return places, self._references[self._starts[points][places] + offsets]

    def count(self, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """How many references at each point have a label; both broadcast."""
        if self.all_differ:
            return (self._labels[points] == labels).astype(np.int64)
        return _counts(self._keys(points, labels), *self._key_counts)

    def _keys(self, points: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """A number for each pair of a point and a label; all labels that no reference has are one."""
        places = np.minimum(np.searchsorted(self._known, labels), len(self._known) - 1)
        places = np.where(self._known[places] == labels, places, len(self._known))
        return points * (len(self._known) + 1) + places


def _counts(keys: np.ndarray, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    places = np.minimum(np.searchsorted(values, keys), len(values) - 1)
    return np.where(values[places] == keys, counts[places], 0)
