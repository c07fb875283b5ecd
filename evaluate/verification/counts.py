"""How many pairs are nearer than a distance: exactly, in bounded memory, in two passes over all pairs.

The bits of a float32 that is not negative rise with it. The first pass counts pairs by the upper 21 of these bits (the
bins); the second one counts the pairs in a few chosen bins by the other ten, and the pairs of each pair of class
groups by intervals that begin and end with a bin.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from evaluate.verification.pair_tiles import PairTiles

_LOW_BITS = 10
_NUM_BINS = 1 << (31 - _LOW_BITS)
_NUM_LOW = 1 << _LOW_BITS


class KindCounts(NamedTuple):
    """Counts of genuine pairs and of impostor pairs, in arrays of one shape."""

    genuine: np.ndarray
    impostor: np.ndarray


class Counts(NamedTuple):
    """What the second pass finds.

    Attributes:
      edges: [edges] float32 distances, ascending.
      below: [pairs of groups, edges] the pairs nearer than each edge.
      totals: [pairs of groups] all pairs.
      distances: [distances] float32, ascending: the edges, and all that occur in the chosen bins.
      below_distances: [distances] the pairs nearer than each of these.
    """

    def nearer_than(self, distance: float) -> tuple[int, int]:
        """How many genuine and impostor pairs are nearer than a distance in a chosen bin."""
        place = np.searchsorted(self.distances, np.float32(distance))
        return tuple(int(counts[place]) for counts in self.below_distances)

    edges: np.ndarray
    below: KindCounts
    totals: KindCounts
    distances: np.ndarray
    below_distances: KindCounts


def bin_of(distances: np.ndarray) -> np.ndarray:
    """The bins of float32 distances."""
    return np.asarray(distances, np.float32).view(np.int32) >> _LOW_BITS


def count_by_bin(tiles: PairTiles) -> KindCounts:
    """The first pass: [bins] counts."""
    totals = KindCounts(*np.zeros((2, _NUM_BINS), np.int64))
    for tile in tiles:
        bins = bin_of(tile.distances)
        for total, chosen in zip(totals, (tile.genuine, ~tile.genuine)):
            found = bins[chosen]
            if len(found):
                counts = np.bincount(found - found.min())
                total[found.min() : found.min() + len(counts)] += counts
    return totals


def count_below(tiles: PairTiles, by_bin: KindCounts, edge_bins: Iterable[int], chosen_bins: Iterable[int]) -> Counts:
    """The second pass.

    Args:
      tiles: as for the first pass.
      by_bin: its result.
      edge_bins: the edges are where these begin.
      chosen_bins: in which every distance is counted; where these begin and end there is an edge too.
    """
    chosen = np.unique(np.asarray(list(chosen_bins), np.int64))
    edge_bins = np.unique(np.concatenate([np.asarray(list(edge_bins), np.int64), chosen, chosen + 1]))
    interval_of_bin = np.searchsorted(edge_bins, np.arange(_NUM_BINS), side="right").astype(np.int32)
    chosen_of_interval = np.full(len(edge_bins) + 1, -1)
    chosen_of_interval[interval_of_bin[chosen]] = np.arange(len(chosen))
    width = len(edge_bins) + 1
    by_group = KindCounts(*np.zeros((2, len(tiles.group_of_pair), width), np.int64))
    fine = KindCounts(*np.zeros((2, len(chosen) * _NUM_LOW), np.int64))
    for tile in tiles:
        keys = tile.distances.view(np.int32)
        intervals = interval_of_bin[keys >> _LOW_BITS]
        cells = tile.places * width + intervals
        places = chosen_of_interval[intervals]
        for groups, low, kind in zip(by_group, fine, (tile.genuine, ~tile.genuine)):
            counts = np.bincount(cells[kind], minlength=len(tile.group_pairs) * width)
            np.add.at(groups, tile.group_pairs, counts.reshape(-1, width))
            inside = kind & (places >= 0)
            if inside.any():
                low += np.bincount(places[inside] * _NUM_LOW + (keys[inside] & (_NUM_LOW - 1)), minlength=len(low))
    keys = np.concatenate([edge_bins << _LOW_BITS, _occurring(chosen, fine)])
    keys, first = np.unique(keys, return_index=True)
    cumulative = [np.cumsum(groups, axis=1) for groups in by_group]
    below = KindCounts(*(groups[:, :-1] for groups in cumulative))
    totals = KindCounts(*(groups[:, -1] for groups in cumulative))
    below_distances = [
        np.concatenate([groups.sum(axis=0), _below_occurring(bins, chosen, low, fine)])[first]
        for groups, bins, low in zip(below, by_bin, fine)
    ]
    return Counts(
        _as_distances(edge_bins << _LOW_BITS), below, totals, _as_distances(keys), KindCounts(*below_distances)
    )


def _occurring(chosen: np.ndarray, fine: KindCounts) -> np.ndarray:
    """The bits of the distances that occur in the chosen bins."""
    occurring = np.flatnonzero(fine.genuine + fine.impostor)
    return chosen[occurring // _NUM_LOW] * _NUM_LOW + occurring % _NUM_LOW


def _below_occurring(bins: np.ndarray, chosen: np.ndarray, low: np.ndarray, fine: KindCounts) -> np.ndarray:
    """The pairs of a kind that are nearer than each of these."""
    occurring = np.flatnonzero(fine.genuine + fine.impostor)
    before = np.cumsum(bins)[chosen] - bins[chosen]
    through = (before[:, np.newaxis] + np.cumsum(low.reshape(-1, _NUM_LOW), axis=1)).ravel()[occurring]
    return through - low[occurring]


def _as_distances(keys: np.ndarray) -> np.ndarray:
    return keys.astype(np.int32).view(np.float32)
