"""Embeddings that may lie in several arrays, or on disk, read a few rows at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Of what is read at once: 2 MB of float64.
_BLOCK_ENTRIES = 250_000


class Rows:
    """Several [rows, embedding_size] arrays as one, of which only the rows in hand are copied.

    Args:
      parts: arrays, memory maps among them; float16 and float32 are read as float32, all else as float64.
      chosen: the rows that count, in their order; all by default.
    """

    def __init__(self, parts: Sequence[np.ndarray], chosen: np.ndarray | None = None):
        self._parts, self._chosen = parts, chosen
        self._starts = np.cumsum([0, *(len(part) for part in parts)])
        narrow = all(part.dtype in (np.float16, np.float32) for part in parts)
        self.dtype = np.dtype(np.float32 if narrow else np.float64)

    @property
    def size(self) -> int:
        """The embedding size."""
        return self._parts[0].shape[1]

    def __len__(self) -> int:
        return int(self._starts[-1]) if self._chosen is None else len(self._chosen)

    def choose(self, chosen: np.ndarray) -> Rows:
        """Those rows of these."""
        return Rows(self._parts, chosen if self._chosen is None else self._chosen[chosen])

    def take(self, indices: np.ndarray) -> np.ndarray:
        """[len(indices), embedding_size]."""
        if self._chosen is not None:
            indices = self._chosen[indices]
        if len(self._parts) == 1:
            return np.asarray(self._parts[0][indices], self.dtype)
        taken = np.empty((len(indices), self.size), self.dtype)
        places = np.searchsorted(self._starts, indices, side="right") - 1
        for place in np.unique(places):
            here = places == place
            taken[here] = self._parts[place][indices[here] - self._starts[place]]
        return taken

    def block(self, start: int, stop: int) -> np.ndarray:
        """[stop − start, embedding_size]; of one array a view, where that can be."""
        if self._chosen is None and len(self._parts) == 1:
            return np.asarray(self._parts[0][start:stop], self.dtype)
        return self.take(np.arange(start, stop))

    def blocks(self):
        """Yields the start of each block, and the block."""
        rows = max(1, _BLOCK_ENTRIES // self.size)
        for start in range(0, len(self), rows):
            yield start, self.block(start, min(start + rows, len(self)))


def distinct(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """The rows that differ from each other.

    Returns:
      The first row of each kind, ascending, [kinds]; and the kind of each row, [rows].
    """
    hashes = np.concatenate([_hashes(block) for _, block in rows.blocks()])
    order = np.argsort(hashes, kind="stable")
    begins = np.r_[True, hashes[order[1:]] != hashes[order[:-1]]]
    leaders = np.empty(len(order), np.int64)
    leaders[order] = order[begins][np.cumsum(begins) - 1]
    suspects = np.flatnonzero(leaders != np.arange(len(leaders)))
    step = max(1, _BLOCK_ENTRIES // rows.size)
    for start in range(0, len(suspects), step):
        these = suspects[start : start + step]
        # Rows that only share their hash stay apart, each its own kind: a tie between them is found by distance.
        differ = (rows.take(these) != rows.take(leaders[these])).any(axis=1)
        leaders[these[differ]] = these[differ]
    return np.unique(leaders, return_inverse=True)


def _hashes(block: np.ndarray) -> np.ndarray:
    # − 0 becomes + 0, so that equal rows are equal bits.
    bits = np.ascontiguousarray(block + block.dtype.type(0)).view(np.uint32)
    factors = np.random.default_rng(0).integers(0, 2**64, bits.shape[1], np.uint64)
    # Products wrap; the fold carries the high bits, which a sum of multiples of 2**k would leave in few values.
    mixed = (bits + np.uint64(1)) * factors
    return (mixed ^ (mixed >> np.uint64(29))).sum(axis=1)
