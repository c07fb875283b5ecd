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
      problem_best: weights and proxies with the best score of the current problem.

    Args:
      projector: makes the projections.
      schedule: decides when.
      kept: the variables that belong to a solution: all weights of the network, and the proxies.
      value_of: what is kept of a variable; see ``Snapshot``.
    """

    def __init__(
        self,
        projector: Projector,
        schedule: ProjectionSchedule,
        kept: Sequence[tf.Variable],
        value_of: Callable[[tf.Variable], tf.Variable] | None = None,
    ):
        super().__init__(name="alternating_projections")
        self.projector, self.schedule = projector, schedule
        self.problem_best = Snapshot(kept, "problem_best", value_of)

    def start(self) -> Projection:
        """Makes the first proxies and begins the first problem."""
        projection = self.projector.start()
        self.problem_best.take()
        return projection

    def after_epoch(self, score: float, learning_rates: float) -> Projection | None:
        """Takes the score of the network as it is now, and the sum of the learning rates of the epoch's steps.

        Returns:
          The projection, if one was made.
        """
        decision = self.schedule.update(score, learning_rates)
        if decision.improved:
            self.problem_best.take()
        return self.projector.project(self.schedule.projections, self.problem_best) if decision.project else None
