"""A training step as a graph, compiled by XLA where possible."""

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
      function: takes tensors and Python values, and is traced once for each of the latter.
      jit_compile: compile by XLA; where XLA refuses what has just been traced, a warning is logged and it is left out.
    """

    def __init__(self, function: Callable[..., Any], jit_compile: bool):
        self._function, self._uses_xla = function, jit_compile
        self._graph = tf.function(function, jit_compile=True) if jit_compile else tf.function(function)

    def __call__(self, *arguments: Any) -> Any:
        """What the function returns."""
        traces = self._graph.experimental_get_tracing_count()
        try:
            return self._graph(*arguments)
        except _REFUSALS as error:
            # What has run before is not refused now: the error is another one.
            if not self._uses_xla or self._graph.experimental_get_tracing_count() == traces:
                raise
            _LOGGER.warning(
                "XLA cannot compile this training step (%s); training continues without it.", _reason(error)
            )
            self._uses_xla, self._graph = False, tf.function(self._function)
            return self._graph(*arguments)


def _reason(error: tf.errors.OpError) -> str:
    line = error.message.partition("\n")[0]
    return textwrap.shorten(re.sub(r"graph __inference\S*", "it", line), _LONGEST_REASON, placeholder=" …")
