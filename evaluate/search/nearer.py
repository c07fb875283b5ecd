"""How many references lie before a query's first hit."""

from __future__ import annotations

import numpy as np

from evaluate.search.rows import Rows
from evaluate.search.scores import Scores, other_side

# Of pairs that are looked at together.
_PAIRS = 1_000_000


def count_nearer(
    chosen: np.ndarray,
    queries: Rows,
    query_labels: np.ndarray,
    references: Rows,
    reference_labels: np.ndarray,
    itself: bool,
    largest: float,
) -> np.ndarray:
    """For each query, the nearest distance at which there is a reference of its class.

    Args:
      chosen: [chosen] queries, each with a reference of its class.
      queries: [num_queries, embedding_size].
      query_labels: [num_queries].
      references: [num_references, embedding_size].
      reference_labels: [num_references].
      itself: whether both are the same, and a query is no reference of its own.
      largest: the largest absolute value in both.

    Returns:
      [3, chosen]: how many references are nearer than that, how many are at it, and how many of these are relevant.
    """
    scores = Scores(references, largest)
    counts = np.zeros((3, len(chosen)), np.int64)
    nearest = np.full(len(chosen), np.inf)
    for places, others in _relevant_pairs(chosen, query_labels, reference_labels, itself):
        found = scores.distances(queries, references, chosen[places], others)
        np.minimum.at(nearest, places, found)
    step = max(1, _PAIRS // 1000)
    for start in range(0, len(chosen), step):
        block = slice(start, start + step)
        side, squares = scores.side(queries.take(chosen[block]), np.float64)
        limit = scores.of_distance(nearest[block])[:, np.newaxis]
        for first, there in _pieces(references, max(1, _PAIRS // len(side))):
            other, other_squares = scores.side(there, np.float64)
            high = side @ other_side(other).T
            low = high - scores.slack(squares[:, np.newaxis], other_squares)
            if itself:
                own = chosen[block] - first
                inside = np.flatnonzero((own >= 0) & (own < len(there)))
                low[inside, own[inside]] = high[inside, own[inside]] = -np.inf
            surely = low > limit
            counts[0, block] += surely.sum(axis=1)
            rows, columns = np.nonzero((high >= limit) & ~surely)
            places, others = rows + start, columns + first
            exact = scores.distances(queries, references, chosen[places], others)
            np.add.at(counts[0], places, exact < nearest[places])
            tied = exact == nearest[places]
            np.add.at(counts[1], places, tied)
            np.add.at(counts[2], places, tied & (reference_labels[others] == query_labels[chosen[places]]))
    return counts


def _relevant_pairs(chosen: np.ndarray, query_labels: np.ndarray, reference_labels: np.ndarray, itself: bool):
    """Yields places in ``chosen`` and their references of the same class."""
    order = np.argsort(reference_labels, kind="stable")
    ordered, wanted = reference_labels[order], query_labels[chosen]
    starts, stops = np.searchsorted(ordered, wanted, "left"), np.searchsorted(ordered, wanted, "right")
    ends = np.cumsum(stops - starts)
    first = 0
    while first < len(chosen):
        before = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + _PAIRS, "right")))
        sizes = (stops - starts)[first:last]
        places = np.repeat(np.arange(first, last), sizes)
        offsets = np.arange(len(places)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        others = order[starts[places] + offsets]
        different = others != chosen[places] if itself else slice(None)
        yield places[different], others[different]
        first = last


def _pieces(references: Rows, width: int):
    for start in range(0, len(references), width):
        yield start, references.block(start, min(start + width, len(references)))
