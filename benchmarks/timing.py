"""Ratios of times on a machine that may be busy: sides take turns, and medians are compared."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf


class Times(NamedTuple):
    """Seconds per call of one side, [rounds].

    Attributes:
      wall: as a user waits.
      processor: as this process's threads worked; others that crowd it out are not in it, so it spreads less.
    """

    wall: np.ndarray
    processor: np.ndarray


class Ratio(NamedTuple):
    """How many times as long one side takes as another, over the rounds in which both had a turn.

    Attributes:
      median: of the rounds' ratios.
      low: their first quartile.
      high: their third quartile.
    """

    median: float
    low: float
    high: float


def take_turns(
    sides: Mapping[str, Callable[[], Any]], rounds: int, calls_per_turn: int = 1, warm_up: int = 5
) -> dict[str, Times]:
    """Times every side once per round, so that whatever else the machine does falls on all of them alike.

    The order is reversed from round to round: no side always follows the same other one.

    Args:
      sides: what is timed, by name; each returns tensors.
      rounds: how often each side has its turn.
      calls_per_turn: short calls need several.
      warm_up: calls before the first round, which trace the functions and fill the allocator.

    Returns:
      The times of each side; what was measured in one round stands at one place.
    """
    times = {name: Times(np.zeros(rounds), np.zeros(rounds)) for name in sides}
    for side in sides.values():
        for _ in range(warm_up):
            _wait_for(side())
    order = list(sides)
    gc.collect()
    gc.disable()  # A collection would fall on whichever side happens to run.
    try:
        for turn in range(rounds):
            for name in order:
                wall, processor = time.perf_counter(), time.process_time()
                for _ in range(calls_per_turn):
                    _wait_for(sides[name]())
                times[name].wall[turn] = (time.perf_counter() - wall) / calls_per_turn
                times[name].processor[turn] = (time.process_time() - processor) / calls_per_turn
            order.reverse()
    finally:
        gc.enable()
    return times


def ratio(seconds: np.ndarray, base: np.ndarray) -> Ratio:
    """The ratio of two sides' wall or processor times, [rounds] each."""
    low, median, high = np.percentile(seconds / base, [25, 50, 75])
    return Ratio(float(median), float(low), float(high))


def _wait_for(results: Any) -> None:
    # On CPU a call returns when its results are there; on GPU, when their computation has been queued.
    for result in tf.nest.flatten(results):
        if tf.is_tensor(result) and "GPU" in result.device:
            result[(0,) * result.shape.rank].numpy()
