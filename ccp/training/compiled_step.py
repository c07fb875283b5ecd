"""A training step as a graph, by XLA where that takes it."""

from __future__ import annotations

import logging
import re
import textwrap
from collections.abc import Callable
from typing import Any

import tensorflow as tf

_LOGGER = logging.getLogger("ccp")
_LONGEST_REASON = 160
# What XLA raises for operations and shapes that it cannot compile; the step has not run then.
_REFUSALS = (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError, tf.errors.NotFoundError)


class CompiledStep:
    """Calls a function as a graph.

    Args:
      function: of tensors and Python values; traced once for each of the latter.
      jit_compile: by XLA, unless that refuses what has just been traced: then without it, and a message says so.
    """

    def __init__(self, function: Callable[..., Any], jit_compile: bool):
        self._function, self._by_xla = function, jit_compile
        self._graph = tf.function(function, jit_compile=True) if jit_compile else tf.function(function)

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns."""
        traces = self._graph.experimental_get_tracing_count()
        try:
            return self._graph(*arguments)
        except _REFUSALS as error:
            # What has run before is no longer refused: something else is wrong with it then.
            if not self._by_xla or self._graph.experimental_get_tracing_count() == traces:
                raise
            _LOGGER.warning("XLA does not take this training step (%s); going on without it.", _reason(error))
            self._by_xla, self._graph = False, tf.function(self._function)
            return self._graph(*arguments)


def _reason(error: tf.errors.OpError) -> str:
    first_line = f"{error.message}\n".splitlines()[0]
    return textwrap.shorten(re.sub(r"graph __inference\S*", "it", first_line), _LONGEST_REASON, placeholder=" …")
