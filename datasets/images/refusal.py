"""Saying in a graph that an image will not do, and why."""

from __future__ import annotations

import tensorflow as tf


def refuse_unless(condition: tf.Tensor, parts: list[str | tf.Tensor]) -> list[tf.Operation]:
    """An assertion to be depended upon; the message is the parts in order, the same eagerly and in a graph.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: the condition does not hold.
    """
    # tf.debugging.Assert words it differently when eager, and makes it a conditional, which costs more.
    check = tf.raw_ops.Assert(condition=condition, data=[tf.convert_to_tensor(part) for part in parts], summarize=4)
    return [] if check is None else [check]
