"""When to project."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar, NamedTuple

from ccp.projection.settings import ProjectionSettings

# Optimizers keep the learning rate in float32: 25 steps at 1e-4 add up to a little less than 2.5e-3.
_ROUNDING = 1e-6


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
    """Decides after each epoch's validation, from nothing but the scores and the learning rates that it has been given.

    On ``plateau`` it projects after ``patience`` epochs without improvement over the current problem's best; on
    ``period`` after every ``period`` epochs; on ``staleness`` after the epoch in which the sum of the learning rates
    of all steps since the last projection reaches ``budget``. Adam moves a weight by about the learning rate in a step,
    so that sum says how far the network has moved away from the one whose embeddings the proxies were. After a
    projection the best score is forgotten.

    The state is ``best_score``, ``epochs_without_improvement``, ``epochs_in_problem``, ``staleness`` and
    ``projections``.
    """

    SETTINGS: ClassVar[tuple[str, ...]] = ("trigger", "patience", "period", "budget", "min_improvement")

    trigger: str = "plateau"
    patience: int = 3
    period: int = 10
    budget: float = 1e-3
    min_improvement: float = 1e-5
    best_score: float = -math.inf
    epochs_without_improvement: int = 0
    epochs_in_problem: int = 0
    staleness: float = 0.0
    projections: int = 0

    @classmethod
    def from_settings(cls, settings: ProjectionSettings, min_improvement: float) -> ProjectionSchedule:
        """The schedule that settings describe."""
        return cls(
            settings.projection, settings.patience, settings.projection_period, settings.staleness, min_improvement
        )

    def update(self, score: float, learning_rates: float = 0.0) -> Decision:
        """Takes the score of the epoch that has just ended, higher being better, and the sum of its learning rates."""
        self.epochs_in_problem += 1
        self.staleness += learning_rates
        improved = score > self.best_score + self.min_improvement
        if improved:
            self.best_score = score
            self.epochs_without_improvement = 0
        else:
            self.epochs_without_improvement += 1
        if self.trigger == "period":
            project = self.epochs_in_problem >= self.period
        elif self.trigger == "staleness":
            project = self.staleness >= self.budget * (1 - _ROUNDING)
        else:
            project = self.epochs_without_improvement >= self.patience
        if project:
            self.projections += 1
            self.best_score = -math.inf
            self.epochs_without_improvement = 0
            self.epochs_in_problem = 0
            self.staleness = 0.0
        return Decision(improved, project)
