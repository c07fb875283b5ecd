"""The problems that CCP solves one after the other, tied by projections."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from ccp.projection.projector import Projection, Projector
from ccp.projection.schedule import ProjectionSchedule
from ccp.projection.snapshot import Snapshot


class AlternatingProjections(tf.Module):
    """Keeps the best weights of the current problem, and projects from them when it is time.

    Attributes:
      projector: makes the projections.
      schedule: decides when.
      start_epoch: epochs before the first problem, in which there are no proxies.
      problem_best: weights and proxies with the best score of the current problem.

    Args:
      projector: makes the projections.
      schedule: decides when.
      kept: the variables that belong to a solution: all weights of the network, and the proxies.
      value_of: what is kept of a variable; see ``Snapshot``.
      start_epoch: epochs before the first problem.
    """

    def __init__(
        self,
        projector: Projector,
        schedule: ProjectionSchedule,
        kept: Sequence[tf.Variable],
        value_of: Callable[[tf.Variable], tf.Variable] | None = None,
        start_epoch: int = 0,
    ):
        super().__init__(name="alternating_projections")
        self.projector, self.schedule, self.start_epoch = projector, schedule, start_epoch
        self.problem_best = Snapshot(kept, "problem_best", value_of)

    def start(self) -> Projection:
        """Makes the first proxies and begins the first problem."""
        projection = self.projector.start()
        self.problem_best.take()
        return projection

    def after_epoch(self, epochs: int, score: float, learning_rates: float) -> Projection | None:
        """Projects if it is time, or makes the first proxies.

        Args:
          epochs: how many are done.
          score: of the network as it is now.
          learning_rates: the sum of those of the last epoch's steps.

        Returns:
          The projection, if one was made.
        """
        if epochs <= self.start_epoch:
            return self.start() if epochs == self.start_epoch else None
        decision = self.schedule.update(score, learning_rates)
        if decision.improved:
            self.problem_best.take()
        return self.projector.project(self.schedule.projections, self.problem_best) if decision.project else None
