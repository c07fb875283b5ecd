"""Which classes are in which batch of an epoch. Free of TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from ccp.errors import ConfigError


class DrawClasses(Protocol):
    """Draws the classes of an epoch's batches."""

    def check(self, num_classes: int, classes_per_batch: int) -> None:
        """Raises a ConfigError if batches of ``classes_per_batch`` (P) of ``num_classes`` classes cannot be drawn."""

    def draw(self, sizes: np.ndarray, classes_per_batch: int, steps: int, generator: np.random.Generator) -> np.ndarray:
        """Classes [steps, P], none twice in a batch, of classes of ``sizes`` [num_classes] images."""


class DrawEvenly(NamedTuple):
    """Every class as often as the others, whatever its size: none repeats before all have been drawn."""

    def check(self, num_classes: int, classes_per_batch: int) -> None:
        """See ``DrawClasses``."""
        if num_classes < classes_per_batch:
            raise ConfigError(
                f"A batch needs {classes_per_batch} classes and the training set has {num_classes}; "
                f"ask for {num_classes} classes per batch, or fewer."
            )

    def draw(self, sizes: np.ndarray, classes_per_batch: int, steps: int, generator: np.random.Generator) -> np.ndarray:
        """See ``DrawClasses``."""
        return draws_without_repeats(len(sizes), classes_per_batch, steps, generator)


DRAW_EVENLY = DrawEvenly()


class DrawBySize(NamedTuple):
    """Classes in proportion to size^power, for long tails.

    In an epoch each class is drawn as often as that says, rounded up or down at random; never more than once a batch.
    The images of a class are then drawn without repeats as always, so that power 1 shows all images alike, and power 0
    all classes alike, small ones with many repeats. 0.5 is in between (Mahajan et al., "Exploring the Limits of Weakly
    Supervised Pretraining", ECCV 2018, section 2.2).

    Attributes:
      power: from 0 to 1.
    """

    power: float = 0.5

    def check(self, num_classes: int, classes_per_batch: int) -> None:
        """See ``DrawClasses``."""
        DRAW_EVENLY.check(num_classes, classes_per_batch)
        if not 0 <= self.power <= 1:
            raise ConfigError(f"The power of class sizes must be from 0 to 1; got {self.power}.")

    def draw(self, sizes: np.ndarray, classes_per_batch: int, steps: int, generator: np.random.Generator) -> np.ndarray:
        """See ``DrawClasses``."""
        counts = counts_in_proportion(sizes**self.power, classes_per_batch * steps, steps, generator)
        return arranged(counts, classes_per_batch, steps, generator)


class DrawByGroup(NamedTuple):
    """Hard classes together: a batch has classes of a few groups, such as superclasses, the same number of each.

    In an epoch each group is drawn in proportion to its number of classes, rounded up or down at random, so that all
    classes are drawn alike; within a group no class repeats before all have been drawn. ``near_classes`` makes groups
    of classes that are hard to tell apart.

    Attributes:
      groups: [num_classes], the group of each class.
      groups_per_batch: groups in a batch.
    """

    groups: Sequence[Any]
    groups_per_batch: int = 2

    def check(self, num_classes: int, classes_per_batch: int) -> None:
        """See ``DrawClasses``."""
        if self.groups_per_batch < 1:
            raise ConfigError(f"groups_per_batch must be at least 1; got {self.groups_per_batch}.")
        from_each, rest = divmod(classes_per_batch, self.groups_per_batch)
        _, sizes = np.unique(np.asarray(self.groups), return_counts=True)
        if len(self.groups) != num_classes:
            raise ConfigError(f"Every class needs a group: got {len(self.groups)} groups for {num_classes} classes.")
        if rest:
            below = classes_per_batch - rest
            fitting = f"{below} or {below + self.groups_per_batch}" if below else self.groups_per_batch
            raise ConfigError(
                f"A batch of {classes_per_batch} classes cannot have as many of each of {self.groups_per_batch} "
                f"groups; choose {fitting} classes."
            )
        if len(sizes) < self.groups_per_batch or np.min(sizes) < from_each:
            raise ConfigError(
                f"A batch needs {self.groups_per_batch} groups of at least {from_each} classes; there are "
                f"{len(sizes)}, the smallest of {np.min(sizes)}. Ask for fewer classes per batch, or change the groups."
            )

    def draw(self, sizes: np.ndarray, classes_per_batch: int, steps: int, generator: np.random.Generator) -> np.ndarray:
        """See ``DrawClasses``."""
        _, groups, group_sizes = np.unique(np.asarray(self.groups), return_inverse=True, return_counts=True)
        counts = counts_in_proportion(group_sizes, self.groups_per_batch * steps, steps, generator)
        drawn = arranged(counts, self.groups_per_batch, steps, generator)
        from_each = classes_per_batch // self.groups_per_batch
        classes = np.empty((steps, self.groups_per_batch, from_each), np.int64)
        for group in np.unique(drawn):
            places = np.nonzero(drawn == group)
            chosen = draws_without_repeats(group_sizes[group], from_each, len(places[0]), generator)
            classes[places] = np.flatnonzero(groups == group)[chosen]
        return classes.reshape(steps, -1)


def near_classes(points: np.ndarray, size: int) -> np.ndarray:
    """Groups of ``size`` classes that are near each other.

    One group after the other: of the classes that are left, the one farthest from their mean, and those nearest to it.
    The last group also has the remainder, if it is smaller than ``size``.

    Args:
      points: [num_classes, embedding_size] means of classes, or [num_classes, proxies_per_class, embedding_size]
        proxies, whose means are taken.
      size: classes in a group, at least 1.

    Returns:
      [num_classes] int64, the number of each class's group.
    """
    points = np.asarray(points, np.float64)
    points = points.mean(axis=1) if points.ndim == 3 else points
    groups, left = np.zeros(len(points), np.int64), np.arange(len(points))
    for group in range(max(1, len(points) // size)):
        own = points[left]
        if len(left) < 2 * size:
            groups[left] = group
            break
        outermost = own[np.argmax(np.square(own - own.mean(axis=0)).sum(axis=1))]
        nearest = np.argsort(np.square(own - outermost).sum(axis=1), kind="stable")
        groups[left[nearest[:size]]] = group
        left = np.sort(left[nearest[size:]])
    return groups


def counts_in_proportion(weights: np.ndarray, total: int, most: int, generator: np.random.Generator) -> np.ndarray:
    """How often each item is drawn: [num_items] int64, in proportion to weights above 0, rounded up or down at random.

    Args:
      weights: [num_items].
      total: the sum of the counts, at most num_items · ``most``.
      most: no count is above it; what is over goes to the others.
      generator: of the rounding.
    """
    counts, free = np.zeros(len(weights), np.int64), np.ones(len(weights), bool)
    while True:
        rest = total - most * np.count_nonzero(~free)
        expected = rest * weights / weights[free].sum() if free.any() else weights
        full = free & (expected >= most)
        if not full.any():
            break
        free &= ~full
    counts[~free] = most
    order = generator.permutation(np.flatnonzero(free))
    # Systematic sampling: each count is its expectation rounded, and the sum is exact.
    ends = np.floor(np.cumsum(expected[order]) + generator.random()).astype(np.int64)
    ends[-1:] = rest
    counts[order] = np.diff(ends, prepend=0)
    return counts


def arranged(counts: np.ndarray, per_draw: int, draws: int, generator: np.random.Generator) -> np.ndarray:
    """[draws, per_draw] items, each as often as ``counts`` [num_items] says and never twice in a draw.

    ``counts`` sum up to draws · per_draw, and none is above ``draws``.
    """
    left, result = counts.copy(), np.empty((draws, per_draw), np.int64)
    for draw in range(draws):
        # Items that have to be in every draw from now on come first, then others in proportion to what is left of them.
        with np.errstate(divide="ignore"):
            keys = np.log(left) + generator.gumbel(size=len(left))
        keys[left == draws - draw] = np.inf
        result[draw] = generator.permutation(np.argpartition(-keys, per_draw - 1)[:per_draw])
        left[result[draw]] -= 1
    return result


def draws_without_repeats(num_items: int, per_draw: int, draws: int, generator: np.random.Generator) -> np.ndarray:
    """[draws, per_draw] items: none repeats before all have been drawn, over all draws and within each."""
    shuffles: list[np.ndarray] = []
    drawn = 0
    while drawn < draws * per_draw:
        shuffled = generator.permutation(num_items)
        in_draw = drawn % per_draw  # Items of the draw that the last shuffle left incomplete.
        begun = in_draw % num_items  # They would repeat before the rest is drawn; earlier ones were drawn evenly.
        if begun:
            repeats = np.isin(shuffled, shuffles[-1][num_items - begun :])
            fresh, later = shuffled[~repeats], shuffled[repeats]
            missing = per_draw - in_draw
            shuffled = np.concatenate([fresh[:missing], generator.permutation(np.append(fresh[missing:], later))])
        shuffles.append(shuffled)
        drawn += num_items
    return np.concatenate(shuffles)[: draws * per_draw].reshape(draws, per_draw)
