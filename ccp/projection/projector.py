"""When to project, and what a projection does."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ccp.distribution.replicas import Replicas
from ccp.projection.proxy_reinitializer import ProxyReinitializer
from ccp.references.class_proxies import ClassProxies


class Decision(NamedTuple):
    """What one epoch's score means: keep the weights as this problem's best, and whether to project now."""

    improved: bool
    project: bool


@dataclasses.dataclass
class ProjectionSchedule:
    """Decides after each epoch's validation; all it knows is the scores it has been given.

    On ``plateau`` it projects after ``patience`` epochs without improvement over the current problem's best;
    on ``period`` after every ``period`` epochs. After a projection the best score is forgotten.

    The state is ``best_score``, ``epochs_without_improvement``, ``epochs_in_problem`` and ``projections``.
    """

    trigger: str = "plateau"
    patience: int = 3
    period: int = 10
    min_improvement: float = 1e-5
    best_score: float = -math.inf
    epochs_without_improvement: int = 0
    epochs_in_problem: int = 0
    projections: int = 0

    def update(self, score: float) -> Decision:
        """Takes the score of the epoch that has just ended, higher being better."""
        self.epochs_in_problem += 1
        improved = score > self.best_score + self.min_improvement
        if improved:
            self.best_score = score
            self.epochs_without_improvement = 0
        else:
            self.epochs_without_improvement += 1
        if self.trigger == "period":
            project = self.epochs_in_problem >= self.period
        else:
            project = self.epochs_without_improvement >= self.patience
        if project:
            self.projections += 1
            self.best_score = -math.inf
            self.epochs_without_improvement = 0
            self.epochs_in_problem = 0
        return Decision(improved, project)


class Snapshot(tf.Module):
    """Copies of variables, matched by position; saved with the checkpoint.

    Args:
      variables: what is copied, in an order that is the same in every process of the run.
    """

    def __init__(self, variables: Sequence[tf.Variable], name: str = "snapshot"):
        super().__init__(name=name)
        originals = tuple(variables)
        # Behind a function: as a plain attribute they would be tracked, and restoring the copies would set them too.
        self._originals = lambda: originals
        self.copies = [tf.Variable(v, trainable=False, name=f"copy_{i}") for i, v in enumerate(originals)]

    def take(self) -> None:
        """Copies the variables' present values."""
        for copy, original in zip(self.copies, self._originals()):
            copy.assign(original)

    def take_from(self, other: Snapshot) -> None:
        """Copies what another snapshot holds of the same variables."""
        for copy, original in zip(self.copies, self._originals()):
            copy.assign(other.of(original))

    def put_back(self) -> None:
        """Sets the variables to the copied values."""
        for copy, original in zip(self.copies, self._originals()):
            original.assign(copy)

    def of(self, variable: tf.Variable) -> tf.Variable:
        """The copy of one variable."""
        for copy, original in zip(self.copies, self._originals()):
            if original is variable:
                return copy
        raise KeyError(f"{variable.name} is not part of this snapshot.")


class Projection(NamedTuple):
    """What a projection did, for the record.

    Attributes:
      index: 0 for the initialisation, then 1, 2, …
      proximal_weight: λ from now on.
      previous_proxies: [num_classes, proxies_per_class, embedding_size] the problem's best; None at the start.
      proxies: [num_classes, proxies_per_class, embedding_size] the new ones.
    """

    index: int
    proximal_weight: float
    previous_proxies: tf.Tensor | None
    proxies: tf.Tensor


class Projector(tf.Module):
    """Re-initialises proxies and moves the proximal anchor.

    Args:
      proxies: the class proxies of the loss.
      weights: the network's trainable variables; the proximal term ties them to the anchor, one by one.
      reinitializer: makes new proxies from candidates.
      candidates: maps the projection's index to embeddings of newly drawn samples,
        [num_classes, num_candidates, embedding_size].
      proximal_weight: λ₀.
      proximal_decay: λ is λ₀ · decay^t at the t-th projection, and 0 before the first.
      replicas: of several processes that train together, all take the chief's new proxies; None is one device.
    """

    def __init__(
        self,
        proxies: ClassProxies,
        weights: Sequence[tf.Variable],
        reinitializer: ProxyReinitializer,
        candidates: Callable[[int], tf.Tensor],
        proximal_weight: float,
        proximal_decay: float = 1.0,
        replicas: Replicas | None = None,
    ):
        super().__init__(name="projector")
        self.proxies = proxies
        self.anchor = Snapshot(weights, name="anchor")
        self.weight = tf.Variable(0.0, trainable=False, name="proximal_weight")
        self._reinitializer = reinitializer
        self._candidates = candidates
        self._replicas = replicas or Replicas()
        self._first_weight, self._decay = float(proximal_weight), float(proximal_decay)

    def initialize(self) -> Projection:
        """The first proxies: the k-center of a pool, with the origin as the initial centre. λ stays 0."""
        self.proxies.points.assign(self._new_proxies(0))
        return Projection(0, 0.0, None, tf.identity(self.proxies.points))

    def project(self, index: int, best: Snapshot) -> Projection:
        """The ``index``-th projection, 1 for the first, from this problem's best weights and proxies.

        The network's weights and the optimizer's moments stay as they are; only the anchor, λ and the
        proxies change.
        """
        self.anchor.take_from(best)
        self.weight.assign(self._first_weight * self._decay**index)
        previous = tf.identity(best.of(self.proxies.points))
        self.proxies.points.assign(self._new_proxies(index, previous))
        return Projection(index, float(tf.convert_to_tensor(self.weight)), previous, tf.identity(self.proxies.points))

    def _new_proxies(self, index: int, previous: tf.Tensor | None = None) -> tf.Tensor | np.ndarray:
        # The chief's: on unlike machines a tie may fall to another candidate.
        return self._replicas.broadcast_from_chief(self._reinitializer(self._candidates(index), previous))
