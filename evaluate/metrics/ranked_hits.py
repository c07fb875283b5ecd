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
    """

    queries: np.ndarray
    num_relevant: np.ndarray
    size: np.ndarray
    relevant: np.ndarray

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
