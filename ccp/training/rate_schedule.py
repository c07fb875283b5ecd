"""The learning rate as a function of the step. Free of TensorFlow."""

from __future__ import annotations

import dataclasses
import math

from ccp.training.settings import OptimizerSettings


@dataclasses.dataclass(frozen=True)
class RateSchedule:
    """A linear rise over the first steps, and a fall along half a cosine if that is chosen.

    Steps are counted over all epochs from 0; skipped steps and those of ``warm_up_epochs`` count. There is no state: a
    resumed training has the same rates.

    Attributes:
      warm_up: steps of the rise; the last of them has the full rate.
      cosine_steps: the step from which on the rate is ``lowest``; 0 for no fall.
      lowest: where the fall ends; a rate that is below it does not fall.
    """

    warm_up: int
    cosine_steps: int
    lowest: float

    @classmethod
    def from_settings(cls, settings: OptimizerSettings, steps_per_epoch: int) -> RateSchedule | None:
        """The schedule that settings describe; None if the rate changes on a plateau alone, or never."""
        falls = settings.learning_rate_schedule == "cosine"
        if not falls and not settings.learning_rate_warm_up:
            return None
        steps = settings.cosine_epochs * steps_per_epoch if falls else 0
        return cls(settings.learning_rate_warm_up, steps, settings.min_learning_rate)

    def at(self, step: int, rate: float) -> float:
        """The learning rate of a step.

        Args:
          step: from 0.
          rate: the full rate, which a plateau may have lowered.
        """
        if step < self.warm_up:
            return rate * (step + 1) / self.warm_up
        if not self.cosine_steps:
            return rate
        fallen = min(1.0, (step - self.warm_up) / max(1, self.cosine_steps - self.warm_up))
        lowest = min(self.lowest, rate)
        return lowest + (rate - lowest) * (1 + math.cos(math.pi * fallen)) / 2
