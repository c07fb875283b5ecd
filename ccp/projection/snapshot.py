"""Copies of variables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf


class Snapshot(tf.Module):
    """Copies of variables, matched by position; saved with a checkpoint.

    Attributes:
      copies: the copies, in the order of the variables.

    Args:
      variables: what is copied, in an order that is the same in every process of the run.
      value_of: from a variable to what is copied of it, such as its average; None for the variable itself.
    """

    def __init__(
        self,
        variables: Sequence[tf.Variable],
        name: str = "snapshot",
        value_of: Callable[[tf.Variable], tf.Variable] | None = None,
    ):
        super().__init__(name=name)
        originals = tuple(variables)
        # Behind a function: as a plain attribute they would be tracked, and restoring the copies would set them too.
        self._originals = lambda: originals
        self._value_of = value_of or (lambda variable: variable)
        self._places = {id(variable): place for place, variable in enumerate(originals)}
        self.copies = [tf.Variable(v, trainable=False, name=f"copy_{i}") for i, v in enumerate(originals)]

    def take(self) -> None:
        """Copies the current values."""
        for copy, original in zip(self.copies, self._originals()):
            copy.assign(self._value_of(original))

    def take_from(self, other: Snapshot) -> None:
        """Copies what another snapshot holds of the same variables."""
        for copy, original in zip(self.copies, self._originals()):
            copy.assign(other.of(original))

    def put_back(self) -> None:
        """Sets the variables to the copied values."""
        for copy, original in zip(self.copies, self._originals()):
            original.assign(copy)

    def of(self, variable: tf.Variable) -> tf.Variable:
        """The copy of one variable.

        Raises:
          KeyError: it is not among the variables.
        """
        if id(variable) not in self._places:
            raise KeyError(f"{variable.name} is not part of this snapshot.")
        return self.copies[self._places[id(variable)]]
