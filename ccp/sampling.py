"""Which examples are drawn when: pure functions from (seed, epoch) to matrices of indices."""

from __future__ import annotations

import numpy as np

from ccp.class_draws import DRAW_EVENLY, DrawClasses, draws_without_repeats

# Separate streams of random numbers for the same seed.
_BATCHES, _CANDIDATES = 1, 2


def m_per_class(
    labels: np.ndarray,
    classes_per_batch: int,
    examples_per_class: int,
    steps: int,
    seed: int,
    epoch: int,
    classes: DrawClasses = DRAW_EVENLY,
) -> np.ndarray:
    """An epoch of batches of ``examples_per_class`` (M) images of ``classes_per_batch`` (P) classes.

    No class is twice in a batch. Unless ``classes`` says otherwise, no class repeats within an epoch before all have
    been drawn. The images of a class are drawn without replacement until they are used up. No image is twice in a
    batch, unless its class has fewer than M images: then none repeats before all have been drawn.

    Args:
      labels: [num_examples], contiguous from 0.
      classes_per_batch: P.
      examples_per_class: M.
      steps: batches.
      seed: of the run.
      epoch: from 0.
      classes: which classes are drawn when.

    Returns:
      [steps, P · M] int64 indices of examples, the images of a class side by side.

    Raises:
      ConfigError: the data has too few classes for such batches.
    """
    sizes = np.bincount(labels)
    classes.check(len(sizes), classes_per_batch)
    generator = np.random.default_rng([seed, _BATCHES, epoch])
    drawn = classes.draw(sizes, classes_per_batch, steps, generator)
    members = members_by_class(labels)
    batches = np.empty((steps, classes_per_batch, examples_per_class), np.int64)
    for label in np.unique(drawn):
        places = np.nonzero(drawn == label)
        chosen = draws_without_repeats(len(members[label]), examples_per_class, len(places[0]), generator)
        batches[places] = members[label][chosen]
    return batches.reshape(steps, -1)


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
    return np.stack([m[draws_without_repeats(len(m), num_candidates, 1, generator)[0]] for m in members])


def members_by_class(labels: np.ndarray) -> list[np.ndarray]:
    """For each class the indices of its examples, in order."""
    order = np.argsort(labels, kind="stable")
    return np.split(order, np.cumsum(np.bincount(labels))[:-1])
