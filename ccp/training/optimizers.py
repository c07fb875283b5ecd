"""Gradient transforms, in the order that matters, and the optimizers."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow as tf

from ccp.training.settings import OptimizerSettings


def transform_gradients(
    gradients: Sequence[tf.Tensor],
    variables: Sequence[tf.Variable],
    *,
    anchors: dict[Any, tf.Variable],
    proximal_weight: tf.Tensor | float,
    decayed: set[Any],
    weight_decay: float,
    clip_norm: float,
    clip_value: float,
) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Proximal term, weight decay, clip by global norm, clip by value: in this order, before the optimizer.

    Both penalties are coupled: they pass through the optimizer's moments, as in the original code.

    Args:
      gradients: one per variable, of its shape.
      variables: the network's weights and the proxies.
      anchors: by ``variable.ref()``, what the proximal term ties a variable to: + λ (θ − anchor).
      proximal_weight: λ.
      decayed: ``ref()`` of the variables that get + weight_decay · θ.
      weight_decay: its factor.
      clip_norm: the global norm is clipped to this.
      clip_value: then each entry is clipped to ± this.

    Returns:
      The transformed gradients, and the global norm before clipping.
    """
    transformed = []
    for gradient, variable in zip(gradients, variables):
        if variable.ref() in anchors:
            gradient += proximal_weight * (variable - anchors[variable.ref()])
        if variable.ref() in decayed:
            gradient += weight_decay * variable
        transformed.append(gradient)
    transformed, global_norm = tf.clip_by_global_norm(transformed, clip_norm)
    return [tf.clip_by_value(gradient, -clip_value, clip_value) for gradient in transformed], global_norm


def batch_norm_variables(model: tf.keras.Model) -> set[Any]:
    """``ref()`` of every batch-normalisation variable in a model, by layer and not by name."""
    layers = (m for m in model.submodules if isinstance(m, tf.keras.layers.BatchNormalization))
    return {variable.ref() for layer in layers for variable in layer.weights}


def build_optimizer(config: OptimizerSettings, multiplier: float = 1.0) -> tf.keras.optimizers.Optimizer:
    """The optimizer that ``config`` names, with β 0.9 and 0.999 where it has them, at a multiple of its rate."""
    learning_rate = multiplier * config.learning_rate
    if config.optimizer == "adam":
        return tf.keras.optimizers.Adam(learning_rate, jit_compile=False)
    import tensorflow_addons as tfa  # Slow to import and loud: only where it is used.

    builders = {"lamb": tfa.optimizers.LAMB, "radam": tfa.optimizers.RectifiedAdam}
    return builders[config.optimizer](learning_rate)


class ParameterGroup(NamedTuple):
    """Variables that are trained together, at a multiple of the learning rate."""

    variables: Sequence[tf.Variable]
    multiplier: float = 1.0


class GroupedOptimizer(tf.Module):
    """One optimizer for each group of variables: its moments, its count of steps, its learning rate.

    Takes the place of TensorFlow Addons' ``MultiOptimizer``, whose checkpoints leave the moments out. All are
    created at once and are part of a checkpoint of this object. A group that is left out of a step is as if that step
    had not been: its moments and its bias correction wait.

    Args:
      config: kind and learning rate.
      groups: by name; no variable in two of them.
    """

    def __init__(self, config: OptimizerSettings, groups: Mapping[str, ParameterGroup]):
        super().__init__(name="grouped_optimizer")
        groups = {name: group for name, group in groups.items() if group.variables}
        self._multipliers = {name: group.multiplier for name, group in groups.items()}
        self._names = {v.ref(): name for name, group in groups.items() for v in group.variables}
        self.optimizers = {name: build_optimizer(config, group.multiplier) for name, group in groups.items()}
        for name, group in groups.items():
            _create_slots(self.optimizers[name], group.variables)

    def apply(self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Variable]) -> None:
        """One step of the groups that ``variables`` belong to; a group takes part as a whole or not at all."""
        for name, optimizer in self.optimizers.items():
            own = [(g, v) for g, v in zip(gradients, variables) if self._names[v.ref()] == name]
            if own:
                # Already summed over the replicas.
                optimizer.apply_gradients(own, experimental_aggregate_gradients=False)

    @property
    def learning_rate(self) -> float:
        """That of groups without a multiplier."""
        name, optimizer = next(iter(self.optimizers.items()))
        return float(tf.convert_to_tensor(optimizer.learning_rate)) / self._multipliers[name]

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for name, optimizer in self.optimizers.items():
            optimizer.learning_rate = value * self._multipliers[name]


def _create_slots(optimizer: tf.keras.optimizers.Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Creates the optimizer's moments before the first step, so that a checkpoint restores into them."""
    if isinstance(optimizer, tf.keras.optimizers.legacy.Optimizer):  # TensorFlow Addons' kind.
        optimizer._create_all_weights(variables)
    else:
        optimizer.build(variables)


@dataclasses.dataclass
class PlateauLearningRate:
    """Lowers the learning rate after epochs without improvement; all it knows is the scores it is given.

    The state is ``best_score``, ``epochs_without_improvement`` and ``learning_rate``.
    """

    learning_rate: float
    epochs: int
    factor: float
    min_learning_rate: float
    min_improvement: float = 1e-5
    best_score: float = float("-inf")
    epochs_without_improvement: int = 0

    def update(self, score: float) -> float:
        """Takes an epoch's score, higher being better, and returns the learning rate from now on."""
        if score > self.best_score + self.min_improvement:
            self.best_score, self.epochs_without_improvement = score, 0
            return self.learning_rate
        self.epochs_without_improvement += 1
        if self.epochs_without_improvement >= self.epochs:
            self.epochs_without_improvement = 0
            # A rate that starts below the floor stays where it is: "lowering" never raises it.
            floor = min(self.learning_rate, self.min_learning_rate)
            self.learning_rate = max(self.learning_rate * self.factor, floor)
        return self.learning_rate
