"""Exact nearest references, in blocks of bounded memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

# Query rows times references of a block: 32 MB of float64 distances.
_BLOCK_ENTRIES = 4_000_000


def nearest_references(
    queries: np.ndarray, gallery: np.ndarray | None, counts: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For blocks of queries, the nearest references by Euclidean distance.

    Distances are taken in float64. Ties go to the reference with the lower index. Without a gallery the
    queries search among themselves, and a query never finds itself: it is left out by its index, so
    duplicates of it are found.

    Args:
      queries: [num_queries, embedding_size].
      gallery: [num_references, embedding_size], or None for the queries themselves.
      counts: [num_queries] how many references each query wants.

    Yields:
      The block's query indices [block], and its references [block, max(counts) in the block], nearest first.
    """
    queries = np.asarray(queries, np.float64)
    references = queries if gallery is None else np.asarray(gallery, np.float64)
    distinct, copies = _distinct_rows(references)
    squared_norms = np.einsum("ij,ij->i", distinct, distinct)
    block_size = max(1, _BLOCK_ENTRIES // max(1, len(references)))
    for start in range(0, len(queries), block_size):
        block = np.arange(start, min(start + block_size, len(queries)))
        most = int(counts[block].max())
        if most == 0:
            yield block, np.empty((len(block), 0), np.int64)
            continue
        # The query's own norm is the same for all of its references and does not change their order.
        distances = squared_norms[np.newaxis] - 2.0 * (queries[block] @ distinct.T)
        if copies is not None:
            distances = distances[:, copies]
        if gallery is None:
            distances[np.arange(len(block)), block] = np.inf
        yield block, _smallest(distances, most)


def _distinct_rows(references: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows that differ, and for each row its place among them; None if all differ.

    A matrix product may round equal rows differently by where they stand, and equal references would then
    not tie.
    """
    bytes_of_row = np.dtype((np.void, references.shape[1] * references.itemsize))
    # − 0 becomes + 0, so that equal rows are equal bytes.
    rows = np.ascontiguousarray(references + 0.0).view(bytes_of_row).reshape(-1)
    _, first, places = np.unique(rows, return_index=True, return_inverse=True)
    if len(first) == len(references):
        return references, None
    return references[first], places.reshape(-1)


def _smallest(distances: np.ndarray, count: int) -> np.ndarray:
    """Columns of the ``count`` smallest entries of each row, in order, ties by column."""
    if count < distances.shape[1]:
        bound = np.partition(distances, count - 1, axis=1)[:, count - 1 : count]
        # Everything up to the bound, ties at it included: stable sorting then prefers the lower index.
        widest = int((distances <= bound).sum(axis=1).max())
        columns = np.argsort(distances > bound, axis=1, kind="stable")[:, :widest]
    else:
        columns = np.broadcast_to(np.arange(distances.shape[1]), distances.shape)
    order = np.argsort(np.take_along_axis(distances, columns, axis=1), axis=1, kind="stable")[:, :count]
    return np.take_along_axis(columns, order, axis=1)
