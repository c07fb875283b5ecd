"""Which examples are drawn when: pure functions from (seed, epoch) to matrices of indices."""

from __future__ import annotations

import numpy as np

from ccp.errors import ConfigError

# Separate streams of random numbers for the same seed.
_BATCHES, _CANDIDATES = 1, 2


def m_per_class(
    labels: np.ndarray, classes_per_batch: int, examples_per_class: int, steps: int, seed: int, epoch: int
) -> np.ndarray:
    """An epoch of batches of ``examples_per_class`` (M) images of ``classes_per_batch`` (P) classes.

    Within an epoch no class repeats before all have been drawn, no class is twice in a batch, and the images of a class
    are drawn without replacement until they are used up. No image is twice in a batch, unless its class has fewer than
    M images: then none repeats before all have been drawn.

    Args:
      labels: [num_examples], contiguous from 0.
      classes_per_batch: P.
      examples_per_class: M.
      steps: batches.
      seed: of the run.
      epoch: from 0.

    Returns:
      [steps, P · M] int64 indices of examples, the images of a class side by side.

    Raises:
      ConfigError: the data has fewer than P classes.
    """
    check_enough_classes(labels, classes_per_batch)
    num_classes = int(labels.max()) + 1
    generator = np.random.default_rng([seed, _BATCHES, epoch])
    classes = _draws_without_repeats(num_classes, classes_per_batch, steps, generator)
    members = members_by_class(labels)
    batches = np.empty((steps, classes_per_batch, examples_per_class), np.int64)
    for label in np.unique(classes):
        places = np.nonzero(classes == label)
        chosen = _draws_without_repeats(len(members[label]), examples_per_class, len(places[0]), generator)
        batches[places] = members[label][chosen]
    return batches.reshape(steps, -1)


def check_enough_classes(labels: np.ndarray, classes_per_batch: int) -> None:
    """Refuses batches of more classes than the data has.

    Raises:
      ConfigError: the data has fewer than ``classes_per_batch`` classes.
    """
    num_classes = int(labels.max()) + 1
    if num_classes < classes_per_batch:
        raise ConfigError(
            f"A batch needs {classes_per_batch} classes and the training set has {num_classes}; "
            f"ask for {num_classes} classes per batch, or fewer."
        )


def candidates_per_class(labels: np.ndarray, num_candidates: int, seed: int, draw: int) -> np.ndarray:
    """The ``draw``-th pool of samples that new proxies are picked from.

    Args:
      labels: [num_examples], contiguous from 0.
      num_candidates: per class (b); images repeat only in a class that has fewer.
      seed: of the run.
      draw: 0 for the initialisation, then 1, 2, …

    Returns:
      [num_classes, num_candidates] int64 indices of examples.
    """
    generator = np.random.default_rng([seed, _CANDIDATES, draw])
    members = members_by_class(labels)
    return np.stack([m[_draws_without_repeats(len(m), num_candidates, 1, generator)[0]] for m in members])


def members_by_class(labels: np.ndarray) -> list[np.ndarray]:
    """For each class the indices of its examples, in order."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])


def _draws_without_repeats(num_items: int, per_draw: int, draws: int, generator: np.random.Generator) -> np.ndarray:
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
