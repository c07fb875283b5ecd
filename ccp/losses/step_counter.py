"""The number of calls of a loss."""

from __future__ import annotations

import tensorflow as tf

from ccp.keras_api import replicated_zeros


class StepCounter(tf.keras.layers.Layer):
    """Counts calls, so that draws are a function of the step, also after a restart.

    Attributes:
      steps: the variable, [] int64.
    """

    def __init__(self, name: str = "step_counter"):
        super().__init__(name=name, trainable=False, dtype="float32")
        self.steps = replicated_zeros(self, "steps", (), tf.int64)

    def next_seed(self, seed: int) -> tf.Tensor:
        """The seed of this call's draws, [2] int64: ``seed`` and the number of calls before this one."""
        return tf.stack([tf.constant(seed, tf.int64), self.count()])

    def count(self) -> tf.Tensor:
        """The number of calls before this one, [] int64."""
        step = tf.identity(self.steps)
        self.steps.assign_add(1)
        return step
