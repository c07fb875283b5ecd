"""An exponential moving average of weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

# The first averages reach back over about this many steps fewer: see ``update``.
_RAMP = 10.0


class WeightAverage(tf.Module):
    """The exponential moving average (EMA) of variables over the steps of a training; saved with a checkpoint.

    Attributes:
      copies: the averages, in the order of the variables.
      steps: the number of steps so far, [] int64.

    Args:
      variables: what is averaged: a network's trained weights.
      decay: share of the average that a step keeps, from 0 to below 1.
    """

    def __init__(self, variables: Sequence[tf.Variable], decay: float):
        super().__init__(name="weight_average")
        originals = tuple(variables)
        # Behind a function: as a plain attribute they would be tracked, and restoring the copies would set them too.
        self._originals = lambda: originals
        self._trained: Callable[[], Sequence[tf.Tensor]] = lambda: ()  # Values to put back, and to hide likewise.
        self._places = {id(variable): place for place, variable in enumerate(originals)}
        self._decay = decay
        # Every replica computes the same average.
        replicated = {
            "trainable": False,
            "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA,
            "synchronization": tf.VariableSynchronization.ON_READ,
        }
        self.copies = [tf.Variable(v, name=f"average_{i}", **replicated) for i, v in enumerate(originals)]
        self.steps = tf.Variable(0, dtype=tf.int64, name="steps", **replicated)

    def start(self) -> None:
        """Begins with the variables as they are now, before the first step."""
        for copy, original in zip(self.copies, self._originals()):
            copy.assign(tf.convert_to_tensor(original))

    def update(self) -> None:
        """Takes the variables after a step, on a replica: average ← d · average + (1 − d) · variable.

        d is ``decay``, and (1 + t) / (10 + t) after the first t steps while that is smaller, as in TensorFlow's
        ``ExponentialMovingAverage``: averages of short trainings do not hang on to the start.
        """
        self.steps.assign_add(1)
        done = tf.cast(self.steps, tf.float32)
        decay = tf.minimum(self._decay, (1.0 + done) / (_RAMP + done))
        for copy, original in zip(self.copies, self._originals()):
            share = tf.cast(1.0 - decay, copy.dtype)
            copy.assign_add(share * (tf.convert_to_tensor(original) - copy))  # Exact where both are equal.

    def value_of(self, variable: tf.Variable) -> tf.Variable:
        """The average of a variable, or the variable itself if it is not averaged."""
        place = self._places.get(id(variable))
        return variable if place is None else self.copies[place]

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within this context the variables have their averages as values; then those that they had before."""
        trained = [tf.identity(variable) for variable in self._originals()]
        self._trained = lambda: trained
        try:
            for copy, original in zip(self.copies, self._originals()):
                original.assign(tf.convert_to_tensor(copy))
            yield
        finally:
            self.put_back()

    def put_back(self) -> None:
        """Ends ``in_place``; to be called again if a KeyboardInterrupt may have come before all values were back."""
        for value, original in zip(self._trained(), self._originals()):
            original.assign(value)
        self._trained = lambda: ()
