"""Which vectors are equal."""

from __future__ import annotations

import numpy as np

from evaluate.search.vectors import Vectors


def distinct(vectors: Vectors) -> tuple[np.ndarray, np.ndarray]:
    """Finds the vectors that differ from each other.

    Returns:
      The index of the first vector of each kind, ascending, [kinds]; and the kind of each vector, [num_vectors].
    """
    hashes = np.concatenate([_hashes(block) for _, block in vectors.blocks()])
    order = np.argsort(hashes, kind="stable")
    begins = np.r_[True, hashes[order[1:]] != hashes[order[:-1]]]
    # By vector, the first one with the same hash.
    first = np.empty(len(order), np.int64)
    first[order] = order[begins][np.cumsum(begins) - 1]
    later = np.flatnonzero(first != np.arange(len(first)))
    for start, block in vectors.choose(later).blocks():
        indices = later[start : start + len(block)]
        # A vector that only shares the hash becomes a kind by itself: a tie with its equals is found by distance.
        differs = indices[(block != vectors.take(first[indices])).any(axis=1)]
        first[differs] = differs
    return np.unique(first, return_inverse=True)


def _hashes(block: np.ndarray) -> np.ndarray:
    # − 0 becomes + 0, so that equal rows have equal bits.
    bits = np.ascontiguousarray(block + block.dtype.type(0)).view(np.uint32)
    factors = np.random.default_rng(0).integers(0, 2**64, bits.shape[1], np.uint64)
    # Products wrap; the fold carries the high bits, which a sum of multiples of 2**k would leave in few values.
    mixed = (bits + np.uint64(1)) * factors
    return (mixed ^ (mixed >> np.uint64(29))).sum(axis=1)
