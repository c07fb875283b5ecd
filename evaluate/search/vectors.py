"""Embeddings, read a few rows at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np

from evaluate.errors import EvaluationError

_BLOCK_ENTRIES = 250_000  # 2 MB of float64.


class Vectors:
    """Finite embeddings, of which only the rows in use are copied: the array may be a memory map larger than memory.

    Args:
      embeddings: [num_vectors, embedding_size]; float16 and float32 are read as float32, all else as float64.
      name: what they are called in messages.

    Attributes:
      size: the embedding size.
      dtype: float32 or float64.
      largest: the largest absolute value.

    Raises:
      EvaluationError: the shape is another one, or a value is not finite.
    """

    def __init__(self, embeddings: np.ndarray, name: str):
        self._array = np.asanyarray(embeddings)
        if self._array.ndim != 2 or not self._array.size:
            raise EvaluationError(
                f"The {name} set needs embeddings [number, embedding_size], at least one; got {self._array.shape}."
            )
        self._chosen: np.ndarray | None = None
        self.size = self._array.shape[1]
        self.dtype = np.dtype(np.float32 if self._array.dtype in (np.float16, np.float32) else np.float64)
        self.largest = self._check_finite(name)

    def __len__(self) -> int:
        return len(self._array if self._chosen is None else self._chosen)

    def choose(self, indices: np.ndarray) -> Vectors:
        """The vectors at ``indices``, in that order, without copying them."""
        chosen = copy.copy(self)
        chosen._chosen = indices if self._chosen is None else self._chosen[indices]
        return chosen

    def take(self, indices: np.ndarray) -> np.ndarray:
        """[len(indices), embedding_size]."""
        return np.asarray(self._array[indices if self._chosen is None else self._chosen[indices]], self.dtype)

    def block(self, start: int, stop: int) -> np.ndarray:
        """[stop − start, embedding_size]; a view where possible."""
        if self._chosen is None:
            return np.asarray(self._array[start:stop], self.dtype)
        return self.take(np.arange(start, stop))

    def blocks(self, rows: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Yields the start of each block, and the block: of so many rows, by default 2 MB of float64."""
        rows = rows or max(1, _BLOCK_ENTRIES // self.size)
        for start in range(0, len(self), rows):
            yield start, self.block(start, min(start + rows, len(self)))

    def _check_finite(self, name: str) -> float:
        largest, broken = 0.0, []
        for start, block in self.blocks():
            largest_in_block = float(max(block.max(), -block.min()))
            if not np.isfinite(largest_in_block):
                broken += (np.flatnonzero(~np.isfinite(block).all(axis=1)) + start).tolist()
            largest = max(largest, largest_in_block)
        if broken:
            raise EvaluationError(
                f"{len(broken)} of {len(self)} {name} embeddings are not finite, the first at index {broken[0]}; "
                "the network has diverged or an image is broken."
            )
        return largest
