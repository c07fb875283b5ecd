"""The distances of all pairs, a tile at a time, with the groups of classes that each pair is of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from evaluate.metrics.labelled_vectors import LabelledVectors
from evaluate.search.pair_scores import Factor, PairScores
from evaluate.search.tiles import strips

_TILE = 512
# Classes are resampled; more than so many are resampled in random groups, as counts are kept for each pair of groups.
_MOST_GROUPS = 128


class PairTile(NamedTuple):
    """Some pairs.

    Attributes:
      distances: [pairs] float32.
      genuine: [pairs] whether both are of one class.
      group_pairs: [few] numbers of the pairs of groups in the tile, maybe twice; see ``PairTiles.group_of_pair``.
      places: [pairs] each pair's groups, as a place in ``group_pairs``.
    """

    distances: np.ndarray
    genuine: np.ndarray
    group_pairs: np.ndarray
    places: np.ndarray


class PairTiles:
    """All pairs of a query and a reference, or, where the queries search each other, all pairs of two of them, once.

    Distances are computed in float64 and rounded to float32.

    Args:
      queries: labelled embeddings.
      references: likewise; the same object as ``queries`` if these search each other.
      seed: of the grouping of classes, where there are more than 128.

    Attributes:
      num_classes: in both together.
      num_groups: of classes; each class is one if there are at most 128.
      group_of_pair: [pairs of groups, 2] each unordered pair of groups, and each group with itself.
    """

    def __init__(self, queries: LabelledVectors, references: LabelledVectors, seed: int = 0):
        self._leave_one_out = queries is references
        classes = np.unique(np.concatenate([queries.labels, references.labels]))
        self.num_classes = len(classes)
        self.num_groups = min(self.num_classes, _MOST_GROUPS)
        place = np.random.default_rng(seed).permutation(self.num_classes)
        group_of_class = place * self.num_groups // self.num_classes
        self.group_of_pair = np.stack(np.triu_indices(self.num_groups), axis=1)
        self._pair_number = np.zeros((self.num_groups, self.num_groups), np.int64)
        first, second = self.group_of_pair.T
        self._pair_number[first, second] = self._pair_number[second, first] = np.arange(len(first))
        self._rows = _Sorted(queries, classes, group_of_class)
        self._columns = self._rows if self._leave_one_out else _Sorted(references, classes, group_of_class)
        self._scores = PairScores(self._rows.vectors, self._columns.vectors)

    @property
    def num_pairs(self) -> tuple[int, int]:
        """Genuine pairs, of one class, and impostor pairs, of two."""
        rows, columns = self._sizes()
        if self._leave_one_out:
            genuine = int((rows * (rows - 1) // 2).sum())
            return genuine, int(rows.sum() * (rows.sum() - 1) // 2) - genuine
        genuine = int((rows * columns).sum())
        return genuine, int(rows.sum() * columns.sum()) - genuine

    @property
    def num_classes_without_genuine(self) -> int:
        """Classes that have no genuine pair, as those of a single image."""
        rows, columns = self._sizes()
        return int((rows < 2).sum() if self._leave_one_out else (rows * columns == 0).sum())

    def _factor(self, side: _Sorted, rows: slice) -> Factor:
        return self._scores.factor(side.vectors.block(rows.start, rows.stop), np.float64)

    def _sizes(self) -> list[np.ndarray]:
        return [np.bincount(side.labels, minlength=self.num_classes) for side in (self._rows, self._columns)]

    def __iter__(self) -> Iterator[PairTile]:
        for rows in strips(len(self._rows.labels), _TILE):
            row_factor = self._factor(self._rows, rows)
            for columns in strips(len(self._columns.labels), _TILE):
                if self._leave_one_out and columns.start < rows.start:
                    continue
                column_factor = self._scores.factor(
                    self._columns.vectors.block(columns.start, columns.stop), np.float64
                )
                distances = self._scores.rounded_distances(row_factor, column_factor)
                genuine = self._rows.labels[rows, np.newaxis] == self._columns.labels[columns]
                first, second = self._rows.groups[rows], self._columns.groups[columns]
                numbers = self._pair_number[first[0] : first[-1] + 1, second[0] : second[-1] + 1]
                places = (first - first[0])[:, np.newaxis] * numbers.shape[1] + (second - second[0])
                kept = np.triu(np.ones(distances.shape, bool), k=1) if self._leave_one_out and rows == columns else ...
                yield PairTile(
                    *(part[kept].ravel() for part in (distances, genuine)), numbers.ravel(), places[kept].ravel()
                )


class _Sorted:
    """Embeddings sorted by group, so that a tile is of few groups."""

    def __init__(self, side: LabelledVectors, classes: np.ndarray, group_of_class: np.ndarray):
        labels = np.searchsorted(classes, side.labels)
        order = np.lexsort((labels, group_of_class[labels]))
        self.vectors = side.vectors.choose(order)
        self.labels = labels[order]
        self.groups = group_of_class[self.labels]
