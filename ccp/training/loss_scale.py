"""Loss scaling for float16."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

_STEPS_BEFORE_A_RISE = 2000
# Reached where all gradients are 0 for long; an infinite scale could not fall again.
_LARGEST = 2.0**64


class LossScale(tf.Module):
    """Multiplies the loss so that small gradients do not vanish in float16, and finds the factor by itself.

    A step with a non-finite gradient is skipped and halves the scale; after 2,000 steps in a row the scale is doubled
    (Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.2). Keras' ``LossScaleOptimizer`` does the
    same inside one optimizer; here several optimizers, and the transforms before them, share one scale.

    Attributes:
      scale: float32 scalar, a power of two from 1 to 2⁶⁴.
    """

    def __init__(self):
        super().__init__(name="loss_scale")
        self.scale = tf.Variable(2.0**15, trainable=False, name="scale")
        self._made = tf.Variable(0, trainable=False, name="steps_made", dtype=tf.int64)

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss times the scale."""
        return loss * self.scale

    def unscaled(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Gradients of the loss from those of the scaled loss."""
        return [gradient / self.scale for gradient in gradients]

    def step_if(self, finite: tf.Tensor, step: Callable[[], None]) -> tf.Tensor:
        """Makes a step if its gradients are finite, and adapts the scale.

        Returns:
          Whether the step was skipped and the scale lowered, [] bool; at a scale of 1 it cannot be lowered.
        """

        def made():
            step()
            self._made.assign_add(1)
            rises = self._made % _STEPS_BEFORE_A_RISE == 0
            self.scale.assign(tf.where(rises, tf.minimum(2.0 * self.scale, _LARGEST), self.scale))
            return tf.constant(False)

        def skipped():
            before = tf.identity(self.scale)
            self._made.assign(0)
            self.scale.assign(tf.maximum(before / 2.0, 1.0))
            return before > 1.0

        return tf.cond(finite, made, skipped)
