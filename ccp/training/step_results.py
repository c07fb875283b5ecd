"""What a step returns of itself, left on the device until it is read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ccp.training.progress import Progress


class StepResult(NamedTuple):
    """Scalars of a step, on the device.

    Attributes:
      loss: float32; with the network's own losses.
      gradient_norm: float32, before clipping.
      learning_rate: float32, the network's.
      skipped: bool, whether the gradient is not finite and the loss scale was lowered instead of making the step.
      terms: float32, by name, of a sum of losses, without their weights.
    """

    loss: tf.Tensor
    gradient_norm: tf.Tensor
    learning_rate: tf.Tensor
    skipped: tf.Tensor
    terms: Mapping[str, tf.Tensor] = MappingProxyType({})


class UnreadResults:
    """Results of the latest steps. Reading one at every step would let the device wait for Python.

    Args:
      progress: the steps are counted there; reading adds their losses and learning rates.
    """

    def __init__(self, progress: Progress):
        self._progress, self._results = progress, []

    def __len__(self) -> int:
        return len(self._results)

    def add(self, result: StepResult) -> None:
        """Keeps the result of the step that was counted last."""
        self._results.append(result)

    def read(self) -> str | None:
        """Reads all results; returns what is not finite in the first step in which something is not, and where."""
        results, self._results = self._results, []
        if not results:
            return None
        *columns, terms = zip(*results)
        values = zip(*(tf.stack(scalars).numpy() for scalars in columns))
        for ahead, (loss, gradient_norm, learning_rate, skipped) in enumerate(values, 1 - len(results)):
            if not np.isfinite(loss):
                return f"loss is {loss} at {self._progress.position(ahead)}"
            if not (np.isfinite(gradient_norm) or skipped):
                return f"gradient's norm is {gradient_norm} at {self._progress.position(ahead)}"
            self._progress.loss_sum += float(loss)
            self._progress.learning_rate_sum += 0.0 if skipped else float(learning_rate)
        for name in terms[0]:
            for value in tf.stack([of_step[name] for of_step in terms]).numpy():
                self._progress.term_sums[name] = self._progress.term_sums.get(name, 0.0) + float(value)
        return None
