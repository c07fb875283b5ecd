"""What is searched and scored: checked, with equal embeddings put together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ccp.errors import UserError
from evaluate.search.rows import Rows, distinct


class EvaluationError(UserError, ValueError):
    """What was to be evaluated cannot be; the message says why."""


class LabelledSet:
    """Embeddings with their labels.

    Args:
      embeddings: [number, embedding_size], or a sequence of such arrays, which are taken as one.
      labels: [number] integers, or a sequence of such arrays.
      what: its name in messages.

    Attributes:
      rows: the embeddings.
      labels: [number] int64.
      largest: the largest absolute value of the embeddings.

    Raises:
      EvaluationError: shapes do not fit, labels are no integers, or an embedding is not finite.
    """

    def __init__(self, embeddings, labels, what: str):
        several = isinstance(embeddings, (list, tuple)) and len(embeddings) and np.ndim(embeddings[0]) == 2
        parts, label_parts = (list(embeddings), list(labels)) if several else ([embeddings], [labels])
        if len(parts) != len(label_parts):
            raise EvaluationError(f"There are {len(parts)} {what} sets of embeddings and {len(label_parts)} of labels.")
        parts = [np.asanyarray(part) for part in parts]
        self.labels = np.concatenate([_checked(part, one, what) for part, one in zip(parts, label_parts)])
        if len({part.shape[1] for part in parts}) > 1:
            raise EvaluationError(f"The {what} sets differ in their dimensions: {[part.shape[1] for part in parts]}.")
        self.rows = Rows(parts)
        self.largest = largest_value(self.rows, what)


class Points:
    """The references that differ, and how many of each label stand at each.

    Args:
      references: what is searched.
      label_ids: [num_references] their labels, from 0.
      by_label: whether the points are sorted by label.

    Attributes:
      rows: one for each point.
      point: [num_references] where each reference stands.
    """

    def __init__(self, references: Rows, label_ids: np.ndarray, by_label: bool):
        first, self.point = distinct(references)
        self.all_differ = len(first) == len(references)
        if by_label:
            order = np.argsort(label_ids[first], kind="stable")
            first, place = first[order], np.empty(len(order), np.int64)
            place[order] = np.arange(len(order))
            self.point = place[self.point]
        self.rows = references if self.all_differ and not by_label else references.choose(first)
        self._labels = label_ids[first]
        self._members = np.argsort(self.point, kind="stable")
        self.sizes = np.bincount(self.point)
        self._starts = np.cumsum(self.sizes) - self.sizes
        if not self.all_differ:
            self._num_labels = int(label_ids.max()) + 1
            self._pairs, self._pair_counts = np.unique(self.point * self._num_labels + label_ids, return_counts=True)

    def members(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The references at some points: the place in ``points`` of each, and its index."""
        sizes = self.sizes[points]
        places = np.repeat(np.arange(len(points)), sizes)
        offsets = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return places, self._members[self._starts[points][places] + offsets]

    def relevant(self, points: np.ndarray, label_ids: np.ndarray) -> np.ndarray:
        """How many references at a point have a label; both broadcast."""
        if self.all_differ:
            return (self._labels[points] == label_ids).astype(np.int64)
        return _occurrences(points * self._num_labels + label_ids, self._pairs, self._pair_counts)


def count_of(labels: np.ndarray, among: np.ndarray) -> np.ndarray:
    """How often each of ``labels`` occurs ``among`` the others."""
    return _occurrences(labels, *np.unique(among, return_counts=True))


def largest_value(rows: Rows, what: str) -> float:
    """The largest absolute value of some embeddings, 0 if there are none.

    Args:
      rows: [number, embedding_size].
      what: their name in messages.

    Raises:
      EvaluationError: one is not finite.
    """
    largest, broken = 0.0, []
    for start, block in rows.blocks():
        here = float(max(block.max(), -block.min()))
        if not np.isfinite(here):
            broken.append(np.flatnonzero(~np.isfinite(block).all(axis=1)) + start)
        largest = max(largest, here)
    if broken:
        broken = np.concatenate(broken)
        raise EvaluationError(
            f"{len(broken)} of {len(rows)} {what} embeddings are not finite, the first at index {broken[0]}; "
            "the network has diverged or an image is broken."
        )
    return largest


def _occurrences(keys: np.ndarray, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    places = np.minimum(np.searchsorted(values, keys), len(values) - 1)
    return np.where(values[places] == keys, counts[places], 0)


def _checked(embeddings: np.ndarray, labels: Sequence[int], what: str) -> np.ndarray:
    labels = np.asarray(labels)
    if embeddings.ndim != 2 or labels.shape != (len(embeddings),) or not embeddings.size:
        raise EvaluationError(
            f"The {what} set needs embeddings [number, embedding_size] and labels [number], at least one; "
            f"got {embeddings.shape} and {labels.shape}."
        )
    if labels.dtype.kind not in "iu":
        raise EvaluationError(f"{what} labels must be integers; got {labels.dtype}.")
    if labels.max() > np.iinfo(np.int64).max:
        raise EvaluationError(f"{what} labels must fit into int64; got {labels.max()}.")
    # One type for all: NumPy compares int64 with uint64 as floats, which takes neighbours above 2**53 for equal.
    return labels.astype(np.int64)
