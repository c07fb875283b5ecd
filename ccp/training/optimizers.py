"""Optimizers, and several of them as one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Union

import tensorflow as tf

from ccp.keras_api import apply_summed, create_moments, named_optimizer, rate_of_next_step
from ccp.training.settings import OptimizerSettings

# Settings of an optimizer, or one that others are to be like.
OptimizerLike = Union[OptimizerSettings, tf.keras.optimizers.Optimizer]


def build_optimizer(like: OptimizerLike, multiplier: float = 1.0) -> tf.keras.optimizers.Optimizer:
    """A new optimizer.

    Args:
      like: settings, with β 0.9 and 0.999 where the optimizer has them; or an optimizer, whose configuration is copied.
      multiplier: factor on the learning rate.
    """
    if not isinstance(like, OptimizerSettings):
        config = like.get_config()
        config["learning_rate"] = _scaled(config["learning_rate"], multiplier)
        return type(like).from_config(config)
    return named_optimizer(like.optimizer, multiplier * like.learning_rate)


def _scaled(learning_rate: Any, multiplier: float) -> Any:
    """A learning rate, or the configuration of a schedule, at a multiple."""
    if not isinstance(learning_rate, dict):
        return multiplier * learning_rate
    if multiplier == 1.0:
        return learning_rate
    return ScaledSchedule(tf.keras.optimizers.schedules.deserialize(learning_rate), multiplier)


class ScaledSchedule(tf.keras.optimizers.schedules.LearningRateSchedule):
    """A learning-rate schedule times a factor."""

    def __init__(self, schedule: tf.keras.optimizers.schedules.LearningRateSchedule, multiplier: float):
        self._schedule, self._multiplier = schedule, multiplier

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        """The learning rate at a step."""
        return self._multiplier * self._schedule(step)

    def get_config(self) -> dict:
        """The constructor's arguments."""
        return {"schedule": self._schedule, "multiplier": self._multiplier}


class ParameterGroup(NamedTuple):
    """Variables that are trained together, at a multiple of the learning rate."""

    variables: Sequence[tf.Variable]
    multiplier: float = 1.0


class GroupedOptimizer(tf.Module):
    """One optimizer for each group of variables: its moments, its count of steps, its learning rate.

    Takes the place of TensorFlow Addons' ``MultiOptimizer``, whose checkpoints leave the moments out. All variables are
    created at once and are part of a checkpoint of this object. A group that is left out of a step stays as if that
    step had not been: its moments and its bias correction wait.

    Attributes:
      optimizers: by the name of a group that has variables.

    Args:
      like: what each optimizer is like; see ``build_optimizer``.
      groups: by name; no variable in two of them.
    """

    def __init__(self, like: OptimizerLike, groups: Mapping[str, ParameterGroup]):
        super().__init__(name="grouped_optimizer")
        like = getattr(like, "inner_optimizer", like)  # Keras wraps one under a float16 policy; see ``LossScale``.
        groups = {name: group for name, group in groups.items() if group.variables}
        self._multipliers = {name: group.multiplier for name, group in groups.items()}
        self._has_schedule = not isinstance(like, OptimizerSettings) and isinstance(
            like.get_config()["learning_rate"], dict
        )
        self._names = {id(v): name for name, group in groups.items() for v in group.variables}
        self.optimizers = {name: build_optimizer(like, group.multiplier) for name, group in groups.items()}
        for name, group in groups.items():
            create_moments(self.optimizers[name], group.variables)

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]) -> None:
        """One step of the groups that ``variables`` belong to; a group takes part as a whole or not at all."""
        for name, optimizer in self.optimizers.items():
            own = [(g, v) for g, v in zip(gradients, variables) if self._names[id(v)] == name]
            if own:
                apply_summed(optimizer, *zip(*own))

    @property
    def first(self) -> tf.keras.optimizers.Optimizer:
        """The optimizer of the first group: the network's, unless all of that is frozen."""
        return next(iter(self.optimizers.values()))

    @property
    def learning_rate(self) -> float:
        """The learning rate of groups without a multiplier."""
        name, optimizer = next(iter(self.optimizers.items()))
        return float(tf.convert_to_tensor(optimizer.learning_rate)) / self._multipliers[name]

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for name, optimizer in self.optimizers.items():
            optimizer.learning_rate = value * self._multipliers[name]

    def current_rate(self) -> tf.Tensor:
        """``learning_rate`` of the step to come as a tensor; in a graph too."""
        name, optimizer = next(iter(self.optimizers.items()))
        return rate_of_next_step(optimizer) / self._multipliers[name]

    def synchronize(self) -> None:
        """Gives all groups the learning rate of the first, if a callback has set that."""
        rate = self.learning_rate
        for name, optimizer in self.optimizers.items():
            own = float(tf.convert_to_tensor(optimizer.learning_rate)) / self._multipliers[name]
            # Rounding is no change: a resumed training would not have it.
            if not self._has_schedule and abs(own - rate) > 1e-6 * abs(rate):
                optimizer.learning_rate = rate * self._multipliers[name]

    def follow(self, leader: tf.keras.optimizers.Optimizer) -> None:
        """Gives all groups the learning rate of another optimizer; in a graph too."""
        if not self._has_schedule:
            for name, optimizer in self.optimizers.items():
                optimizer.learning_rate.assign(self._multipliers[name] * leader.learning_rate)
