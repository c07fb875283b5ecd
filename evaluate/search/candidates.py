"""The references that may be among a query's nearest, gathered from tiles of scores."""

from __future__ import annotations

import numpy as np

from evaluate.search.scores import NOTHING, Scores


def above(scores: np.ndarray, bounds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where scores reach their query's bound, which few do.

    Args:
      scores: [references, queries].
      bounds: [queries].

    Returns:
      Queries, references and scores of those entries.
    """
    reached = (scores >= bounds).reshape(-1)
    if reached.size % 8:
        places = np.flatnonzero(reached)
    else:  # Eight entries are looked at together.
        words = np.flatnonzero(reached.view(np.uint64) != 0)
        inside = np.flatnonzero(reached.reshape(-1, 8)[words])
        places = words[inside // 8] * 8 + inside % 8
    reference, query = np.divmod(places, scores.shape[1])
    return query, reference, scores.reshape(-1)[places]


def first_bounds(scores: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Per row a value that at least ``counts`` of its scores reach; NOTHING if it has not as many.

    Where counts are small, best of groups of columns do: they are other columns' scores, one each.
    """
    rows, columns = scores.shape
    fold = next((fold for fold in (16, 8, 4, 2) if columns % fold == 0 and counts.max() <= columns // fold // 4), 1)
    if fold > 1:
        scores = scores.reshape(rows, fold, columns // fold).max(axis=1)
    ordered = np.sort(scores, axis=1)
    place = ordered.shape[1] - counts
    last = ordered.shape[1] - 1
    return np.where(place >= 0, ordered[np.arange(rows), np.clip(place, 0, last)], np.float32(NOTHING))


class Pool:
    """What has been found for a strip of queries so far.

    Args:
      counts: [rows] how many references each wants.
      most: a row that needs more entries than this is given up as crowded.
      squares: [rows] squared norms.
      reference_squares: [references]
      scores: of the search.

    Attributes:
      bounds: [rows] scores below them need not be added.
      crowded: [rows] which are given up.
    """

    def __init__(
        self, counts: np.ndarray, most: int, squares: np.ndarray, reference_squares: np.ndarray, scores: Scores
    ):
        self.counts, self.reference_squares = counts, reference_squares
        self._most, self._squares, self._scores = most, squares, scores
        self.crowded = counts > most
        self.bounds = np.where((counts > 0) & ~self.crowded, np.float32(NOTHING), np.float32(np.inf))
        self._limit = max(1000, int(3 * counts[~self.crowded].sum()))
        self._found, self._pending = [], 0

    def raise_bounds(self, bounds: np.ndarray) -> None:
        """Takes over scores that as many references as each row wants are sure to reach, [rows]."""
        np.maximum(self.bounds, bounds, out=self.bounds)

    def add(self, rows: np.ndarray, references: np.ndarray, high: np.ndarray) -> None:
        """Takes entries in, and tightens the bounds when there are many; ``high`` bounds their scores from above."""
        if len(rows):
            self._found.append((rows.astype(np.int32), references.astype(np.int32), high))
            self._pending += len(rows)
            if self._pending > self._limit:
                self.tighten()

    def tighten(self) -> tuple[np.ndarray, ...]:
        """Raises each row's bound to the best that as many entries as it wants are sure to reach.

        Returns:
          Rows, references, and bounds of scores from above and from below, of what remains, by row.
        """
        if not self._found:
            return (np.empty(0, np.int32),) * 2 + (np.empty(0, np.float32),) * 2
        rows, references, high = (np.concatenate(parts) for parts in zip(*self._found))
        low = high - self._scores.slack(self._squares[rows], self.reference_squares[references])
        # No score is above 0, so the bits of −low rise with it, and row and score make one number to sort by.
        bits = (np.maximum(-low, 0) + np.float32(0)).view(np.uint32)
        order = np.argsort((rows.astype(np.uint64) << np.uint64(32)) | bits)
        rows, references, high, low = rows[order], references[order], high[order], low[order]
        number = np.bincount(rows, minlength=len(self.counts))
        starts = np.cumsum(number) - number
        enough = np.flatnonzero((number >= self.counts) & (self.counts > 0))
        best = low[starts[enough] + self.counts[enough] - 1]
        self.bounds[enough] = np.maximum(self.bounds[enough], best)
        # By name as well: a bound that a thread raises while this one gives its row up may undo that.
        kept = (high >= self.bounds[rows]) & ~self.crowded[rows]
        number = np.bincount(rows[kept], minlength=len(self.counts))
        crowded = number > self._most
        if crowded.any():
            self.crowded |= crowded
            self.bounds[crowded] = np.inf
            kept &= ~crowded[rows]
        rows, references, high, low = rows[kept], references[kept], high[kept], low[kept]
        self._found = [(rows, references, high)]
        self._pending = len(rows)
        self._limit = max(self._limit, 2 * self._pending)
        return rows, references, high, low
