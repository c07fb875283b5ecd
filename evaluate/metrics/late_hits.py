"""First hits that are behind the nearest references that were searched for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evaluate.metrics.labelled_vectors import LabelledVectors
from evaluate.metrics.ranked_hits import FirstHit
from evaluate.search.pair_scores import PairScores

# Of a block of pairs.
_QUERIES, _PAIRS = 1000, 1_000_000


def late_first_hits(
    chosen: np.ndarray, queries: LabelledVectors, references: LabelledVectors, scores: PairScores
) -> FirstHit:
    """The first hits of some queries, by counting the references that are nearer.

    Args:
      chosen: [chosen] queries, each with a reference of its class.
      queries: all of them.
      references: what is searched.
      scores: of both.
    """
    nearest = np.full(len(chosen), np.inf)  # Squared distance of the first hit.
    for places, relevant in _relevant_pairs(chosen, queries, references):
        np.minimum.at(nearest, places, scores.squared_distances(chosen[places], relevant))
    hits = FirstHit(*np.zeros((3, len(chosen)), np.int64))
    for start in range(0, len(chosen), _QUERIES):
        block = chosen[start : start + _QUERIES]
        factor = scores.factor(queries.vectors.take(block), np.float64)
        limit = scores.from_squared(nearest[start : start + _QUERIES])[:, np.newaxis]
        for first, vectors in references.vectors.blocks(_PAIRS // _QUERIES):
            upper, lower = scores.bounds(factor, scores.factor(vectors, np.float64))
            if scores.leave_one_out:
                own = block - first
                row = np.flatnonzero((own >= 0) & (own < len(vectors)))
                upper[row, own[row]] = lower[row, own[row]] = -np.inf
            surely = lower > limit
            hits.ahead[start : start + _QUERIES] += surely.sum(axis=1)
            rows, columns = np.nonzero((upper >= limit) & ~surely)
            places, others = rows + start, columns + first
            squared = scores.squared_distances(chosen[places], others)
            np.add.at(hits.ahead, places, squared < nearest[places])
            tied = squared == nearest[places]
            np.add.at(hits.size, places, tied)
            np.add.at(hits.relevant, places, tied & (references.labels[others] == queries.labels[chosen[places]]))
    return hits


def _relevant_pairs(
    chosen: np.ndarray, queries: LabelledVectors, references: LabelledVectors
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields places in ``chosen`` and references of the same class, about a million pairs at a time."""
    order = np.argsort(references.labels, kind="stable")
    ordered, wanted = references.labels[order], queries.labels[chosen]
    starts, stops = (np.searchsorted(ordered, wanted, side) for side in ("left", "right"))
    blocks = np.cumsum(stops - starts) // _PAIRS
    for number in np.unique(blocks):
        block = np.flatnonzero(blocks == number)
        sizes = (stops - starts)[block]
        places = np.repeat(block, sizes)
        offsets = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        others = order[starts[places] + offsets]
        different = others != chosen[places] if queries is references else slice(None)
        yield places[different], others[different]
