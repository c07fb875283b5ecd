"""What queries find, as groups of references that tie.

A tie group is ``size`` references at one distance, ``relevant`` of them of the query's class. It comes after
``ahead`` references that are nearer, ``hits_ahead`` of them relevant. Every order of a group is as likely as every
other: a metric's expected value is over all of them, and its lowest and highest values are those of the worst and the
best order.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import NamedTuple

import numpy as np


class FirstHit(NamedTuple):
    """The nearest tie group of each query that has a relevant reference, [queries] each; ``relevant`` 0: not found."""

    ahead: np.ndarray
    size: np.ndarray
    relevant: np.ndarray


class Scores(NamedTuple):
    """A metric's values, [queries] each."""

    lowest: np.ndarray
    expected: np.ndarray
    highest: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class RankedHits:
    """The tie groups of some queries.

    Attributes:
      queries: [queries] indices.
      num_relevant: [queries] R, the number of references of the query's class.
      size: [queries, groups], nearest first. Groups of size 0 count for nothing.
      relevant: [queries, groups].
      first_hit: of each query, complete also if it is not among the groups.
    """

    queries: np.ndarray
    num_relevant: np.ndarray
    size: np.ndarray
    relevant: np.ndarray
    first_hit: FirstHit

    @functools.cached_property
    def ahead(self) -> np.ndarray:
        """[queries, groups] references before each group."""
        return np.cumsum(self.size, axis=1) - self.size

    @functools.cached_property
    def hits_ahead(self) -> np.ndarray:
        """[queries, groups] relevant references before each group."""
        return np.cumsum(self.relevant, axis=1) - self.relevant

    @property
    def misses(self) -> np.ndarray:
        """[queries, groups] references that are not relevant."""
        return self.size - self.relevant

    def taken(self, limit: np.ndarray) -> np.ndarray:
        """[queries, groups] how many of each group are among the nearest ``limit`` [queries]."""
        return np.clip(limit[:, np.newaxis] - self.ahead, 0, self.size)


def first_hit(size: np.ndarray, relevant: np.ndarray, complete: np.ndarray) -> FirstHit:
    """The first hit of each query among its tie groups.

    Args:
      size: [queries, groups].
      relevant: [queries, groups].
      complete: [queries] how many of the nearest references are sure to be in the groups.
    """
    place = np.argmax(relevant > 0, axis=1)[:, np.newaxis]
    ahead = np.cumsum(size, axis=1) - size
    found = FirstHit(*(np.take_along_axis(array, place, axis=1)[:, 0] for array in (ahead, size, relevant)))
    return FirstHit(*(np.where(found.ahead < complete, array, 0) for array in found))
