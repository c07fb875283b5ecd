"""Lowering the learning rate on a plateau."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from ccp.training.settings import OptimizerSettings


@dataclasses.dataclass
class PlateauLearningRate:
    """Lowers the learning rate after epochs without improvement, from nothing but the scores that it is given.

    The state is ``best_score``, ``epochs_without_improvement`` and ``learning_rate``.
    """

    SETTINGS: ClassVar[tuple[str, ...]] = ("epochs", "factor", "min_learning_rate", "min_improvement")

    learning_rate: float
    epochs: int
    factor: float
    min_learning_rate: float
    min_improvement: float = 1e-5
    best_score: float = float("-inf")
    epochs_without_improvement: int = 0

    @classmethod
    def from_settings(cls, settings: OptimizerSettings, min_improvement: float) -> PlateauLearningRate:
        """The schedule that settings describe."""
        return cls(
            settings.learning_rate,
            settings.plateau_epochs,
            settings.plateau_factor,
            settings.min_learning_rate,
            min_improvement,
        )

    def update(self, score: float) -> float:
        """Takes an epoch's score, higher being better, and returns the learning rate from now on."""
        if score > self.best_score + self.min_improvement:
            self.best_score, self.epochs_without_improvement = score, 0
            return self.learning_rate
        self.epochs_without_improvement += 1
        if self.epochs_without_improvement >= self.epochs:
            self.epochs_without_improvement = 0
            # A rate that starts below the floor stays where it is: "lowering" never raises it.
            floor = min(self.learning_rate, self.min_learning_rate)
            self.learning_rate = max(self.learning_rate * self.factor, floor)
        return self.learning_rate
