"""The position of a training."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from typing import Any

import tensorflow as tf


@dataclasses.dataclass
class Progress:
    """Position, best score, and the logs of the last whole epoch.

    Attributes:
      epoch: whole epochs done.
      step: steps done in the current epoch.
      total_steps: steps done overall.
      loss_sum: sum of the losses of the current epoch, as far as they were read from the device.
      term_sums: the same of each term of a sum of losses, by name.
      learning_rate_sum: sum of the learning rates of its steps, likewise; at the end of a training it is kept, as no
        projection follows, until the training is extended.
      best_score: best validation score overall.
      best_epoch: whole epochs done when it was reached.
      epochs_without_improvement: epochs since then.
      finished: whether training has ended.
      stopped_by_callback: whether a callback has ended it.
      last_logs: what callbacks were given at the end of the last whole epoch; ``step`` in it is ``total_steps``.
    """

    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    loss_sum: float = 0.0
    term_sums: dict[str, float] = dataclasses.field(default_factory=dict)
    learning_rate_sum: float = 0.0
    best_score: float = -math.inf
    best_epoch: int = 0
    epochs_without_improvement: int = 0
    finished: bool = False
    stopped_by_callback: bool = False
    last_logs: dict[str, Any] = dataclasses.field(default_factory=dict)

    def count_step(self) -> None:
        """Counts a step."""
        self.step += 1
        self.total_steps += 1

    def count_score(self, score: float, min_improvement: float) -> bool:
        """Takes an epoch's score; whether it is the best overall."""
        if score > self.best_score + min_improvement:
            self.best_score, self.best_epoch, self.epochs_without_improvement = score, self.epoch + 1, 0
            return True
        self.epochs_without_improvement += 1
        return False

    def close_epoch(self, scores: Mapping[str, float], **more: Any) -> dict[str, Any]:
        """Advances to the next epoch and returns the logs of the one that has ended."""
        steps = max(self.step, 1)
        terms = {f"loss/{name}": total / steps for name, total in self.term_sums.items()}
        self.last_logs = {"step": self.total_steps, "loss": self.loss_sum / steps, **terms, **scores, **more}
        self.epoch, self.step, self.loss_sum, self.term_sums = self.epoch + 1, 0, 0.0, {}
        return self.last_logs

    def position(self, ahead: int = 0) -> str:
        """The step that was done last, or the one ``ahead`` of it, for messages."""
        return f"step {self.step + ahead} of epoch {self.epoch + 1} (step {self.total_steps + ahead} overall)"


class SavedAsJson(tf.train.experimental.PythonState):
    """Lets dataclasses of plain values be saved in, and restored from, a ``tf.train.Checkpoint``.

    Fields that a class names in ``SETTINGS`` are not restored: a resumed training follows those that it is given.
    """

    def __init__(self, *states: Any):
        self._states = states

    def serialize(self) -> str:
        """All fields of all states; JSON keeps Python's floats exactly."""
        return json.dumps([dataclasses.asdict(state) for state in self._states])

    def deserialize(self, text: str | bytes) -> None:
        """Sets all fields but the settings back, in place."""
        for state, values in zip(self._states, json.loads(text)):
            for name in values.keys() - set(getattr(state, "SETTINGS", ())):
                setattr(state, name, values[name])
