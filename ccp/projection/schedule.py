"""When to project."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

from ccp.projection.settings import ProjectionSettings


class Decision(NamedTuple):
    """What the score of one epoch means.

    Attributes:
      improved: the weights are the best of the current problem.
      project: it is time for a projection.
    """

    improved: bool
    project: bool


@dataclasses.dataclass
class ProjectionSchedule:
    """Decides after each epoch's validation, from nothing but the scores that it has been given.

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

    @classmethod
    def from_settings(cls, settings: ProjectionSettings, min_improvement: float) -> ProjectionSchedule:
        """The schedule that settings describe."""
        return cls(settings.projection, settings.patience, settings.projection_period, min_improvement)

    def update(self, score: float) -> Decision:
        """Takes the score of the epoch that has just ended; higher is better."""
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
