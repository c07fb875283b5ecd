"""Warm-up and cosine of the learning rate, step by step."""

import math

import numpy as np
import pytest

from ccp.training.rate_schedule import RateSchedule
from ccp.training.settings import OptimizerSettings


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_without_warm_up_there_is_none(schedule):
    assert RateSchedule.from_settings(OptimizerSettings(learning_rate_schedule=schedule), 25) is None


def test_rises_linearly_and_stays():
    schedule = RateSchedule.from_settings(OptimizerSettings(learning_rate_warm_up=4), 25)
    np.testing.assert_allclose([schedule.at(step, 2.0) for step in range(6)], [0.5, 1.0, 1.5, 2.0, 2.0, 2.0])


def test_falls_along_half_a_cosine_to_the_lowest_rate():
    settings = OptimizerSettings(
        learning_rate_schedule="cosine", cosine_epochs=2, learning_rate_warm_up=2, min_learning_rate=0.5
    )
    schedule = RateSchedule.from_settings(settings, 4)  # 8 steps, 6 of them after the warm-up.
    rates = [schedule.at(step, 1.5) for step in range(10)]
    # From 1.5 to 0.5 in sixths of π: 1 + cos(…)/2.
    fall = [1 + math.cos(math.pi * sixths / 6) / 2 for sixths in range(6)]
    np.testing.assert_allclose(rates, [0.75, 1.5, *fall, 0.5, 0.5])


def test_a_rate_below_the_lowest_stays_and_a_warm_up_may_be_longer_than_the_cosine():
    assert RateSchedule(0, 10, lowest=1.0).at(7, 0.1) == 0.1
    schedule = RateSchedule(5, 3, lowest=0.1)
    np.testing.assert_allclose([schedule.at(step, 1.0) for step in (4, 5, 6)], [1.0, 1.0, 0.1])
