"""How much error rates depend on the classes at hand: the bootstrap over classes.

Pairs are not independent: an image that is far from its class is in many pairs, and so is a class that resembles
another one. Classes are, so classes are resampled, with all their images: a pair of two classes counts as often as the
product of how often these are drawn, a pair of images of one class as often as its class.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evaluate.verification.counts import Counts

_RESAMPLES = 1000
_PERCENTILES = (2.5, 97.5)
FEWEST_CLASSES = 10


class Resamples(NamedTuple):
    """Rates of resampled classes.

    Attributes:
      edges: [edges] distances.
      fmr: [resamples, edges] the share of impostor pairs nearer than each edge.
      fnmr: [resamples, edges] the share of genuine pairs that are not nearer.
    """

    edges: np.ndarray
    fmr: np.ndarray
    fnmr: np.ndarray

    def at_distance(self, distance: float) -> tuple[np.ndarray, np.ndarray]:
        """False match and false non-match rates at a distance, [resamples] each."""
        place = np.clip(np.searchsorted(self.edges, distance, side="right") - 1, 0, len(self.edges) - 2)
        width = float(self.edges[place + 1]) - float(self.edges[place])
        share = np.full(len(self.fmr), np.clip((distance - float(self.edges[place])) / width, 0.0, 1.0))
        return self._between(self.fmr, place, share), self._between(self.fnmr, place, share)

    def at_fmr(self, rate: float) -> tuple[np.ndarray, np.ndarray]:
        """The distances of a false match rate, and the false non-match rates there, [resamples] each."""
        return self._where_passed(self.fmr - rate)

    def equal_error_rates(self) -> np.ndarray:
        """[resamples] the rate at which both errors are equally frequent."""
        return self._where_passed(self.fmr - self.fnmr)[1]

    def _where_passed(self, rising: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distances and false non-match rates where what rises with the distance, [resamples, edges], passes 0."""
        place = np.clip((rising <= 0).sum(axis=1) - 1, 0, len(self.edges) - 2)
        rows = np.arange(len(rising))
        low, high = rising[rows, place], rising[rows, place + 1]
        share = np.clip(np.divide(-low, high - low, out=np.zeros_like(low), where=high > low), 0.0, 1.0)
        edges = self.edges.astype(np.float64)
        distances = edges[place] + share * (edges[place + 1] - edges[place])
        return distances, self._between(self.fnmr, place, share)

    def _between(self, rates: np.ndarray, place: np.ndarray | int, share: np.ndarray) -> np.ndarray:
        rows = np.arange(len(rates))
        return (1 - share) * rates[rows, place] + share * rates[rows, place + 1]


def resample(counts: Counts, group_of_pair: np.ndarray, seed: int) -> Resamples:
    """Draws the groups of classes 1,000 times, as many as there are, with replacement.

    Args:
      counts: below each edge, by pair of groups.
      group_of_pair: [pairs of groups, 2].
      seed: of the draws.
    """
    num_groups = int(group_of_pair.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(num_groups, np.full(num_groups, 1 / num_groups), _RESAMPLES)
    first, second = group_of_pair.T
    # Copies of a group are not compared with each other: their images would match themselves.
    weights = np.where(first == second, drawn[:, first], drawn[:, first] * drawn[:, second]).astype(np.float64)
    # Draws without any genuine, or any impostor pair say nothing.
    weights = weights[np.all([weights @ totals > 0 for totals in counts.totals], axis=0)]
    genuine, impostor = (
        (weights @ below) / (weights @ totals)[:, np.newaxis] for below, totals in zip(counts.below, counts.totals)
    )
    return Resamples(counts.edges, impostor, 1.0 - genuine)


def interval_95(values: np.ndarray, estimate: float) -> list[float]:
    """The percentile interval, widened to hold the estimate: [low, high]."""
    low, high = np.percentile(values, _PERCENTILES)
    return [float(min(low, estimate)), float(max(high, estimate))]
