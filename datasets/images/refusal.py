"""Errors in a graph about images that cannot be used, and what such an error says."""

from __future__ import annotations

import re

import tensorflow as tf

# What TensorFlow puts around an error's message.
_PLACES = re.compile(r"\{\{.*?\}\}|\[Op:.*")
_ABOUT_PLACES = ("Graph execution error", "Detected at node", "File ", "<stack traces", "[[")
_PREFIXES = re.compile(
    r"^(Error in user-defined function passed to \S+ transformation with iterator: \S+:\s+)?"
    r"(assertion failed: |DataError: |jpeg::\w+ failed\. )?"
)
_PARTS_OF_ASSERTIONS = re.compile(r"\[([A-Za-z][^\[\]]*)\]")


def refuse_unless(condition: tf.Tensor, parts: list[str | tf.Tensor]) -> list[tf.Operation]:
    """An assertion to be depended upon; the message is the parts in order, the same eagerly and in a graph.

    Raises (as the graph is run):
      tf.errors.InvalidArgumentError: the condition does not hold.
    """
    # tf.debugging.Assert words it differently when eager, and makes it a conditional, which costs more.
    check = tf.raw_ops.Assert(condition=condition, data=[tf.convert_to_tensor(part) for part in parts], summarize=4)
    return [] if check is None else [check]


def reason(error: tf.errors.OpError) -> str:
    """What is wrong with an image, in a line, without what TensorFlow says about the operation that found it."""
    lines = [_PLACES.sub("", line).strip() for line in error.message.splitlines()]
    said = [line for line in lines if line and not line.startswith(_ABOUT_PLACES)]
    if not said:
        return "not an image"
    return _PARTS_OF_ASSERTIONS.sub(r"\1", _PREFIXES.sub("", said[0])).rstrip(".")
