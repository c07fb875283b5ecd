"""Optimizers, and several of them as one: learning rates, groups that rest, and what a checkpoint holds."""

from __future__ import annotations

import os
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from ccp.training.optimizers import GroupedOptimizer, ParameterGroup, build_optimizer
from ccp.training.settings import OptimizerSettings
from tests.support import recorded

STEPS = 5


def variables(*starts):
    return [tf.Variable(start) for start in starts]


def gradients(step: int, chosen) -> list[tf.Tensor]:
    """Of some variables at a step: a function of both."""
    draws = [np.random.default_rng([step, index]).normal(size=v.shape) for index, v in enumerate(chosen)]
    return [tf.constant(draw, tf.float32) for draw in draws]


def adam(learning_rate: float) -> tf.keras.optimizers.Optimizer:
    return tf.keras.optimizers.Adam(learning_rate)


def everything(optimizer: GroupedOptimizer) -> dict[str, np.ndarray]:
    """Every variable of every group's optimizer: moments, counts and learning rates."""
    found = {}
    for group, inner in optimizer.optimizers.items():
        own = inner.variables() if callable(inner.variables) else inner.variables
        found.update({f"{group}/{index}/{v.name}": v.numpy() for index, v in enumerate(own)})
    return found


class BuildOptimizerTest(tf.test.TestCase):
    def test_adam_has_the_papers_settings(self):
        optimizer = build_optimizer(OptimizerSettings())
        self.assertIsInstance(optimizer, tf.keras.optimizers.Adam)
        self.assertAllClose(optimizer.learning_rate, 1e-5, atol=0)
        self.assertEqual((optimizer.beta_1, optimizer.beta_2), (0.9, 0.999))
        self.assertIsNone(optimizer.weight_decay)  # Decay is coupled: part of the gradient.

    def test_lamb_steps_as_tensorflow_addons(self):
        weight, optimizer = tf.Variable([1.0, -2.0, 0.5, 0.1]), build_optimizer(OptimizerSettings("lamb", 0.1))
        for gradient, expected in zip(recorded.addons()["lamb/gradients"], recorded.addons()["lamb/weights"]):
            optimizer.apply_gradients([(tf.constant(gradient), weight)])
            self.assertAllClose(weight, expected, rtol=1e-6)

    def test_radam_is_refused_where_nothing_has_it(self):
        with mock.patch("importlib.util.find_spec", return_value=None):
            with self.assertRaisesRegex(ConfigError, "radam is TensorFlow Addons', which exists for .* Choose adam"):
                build_optimizer(OptimizerSettings("radam"))
            self.assertIsInstance(build_optimizer(OptimizerSettings()), tf.keras.optimizers.Adam)


class GroupedOptimizerTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.body, self.head = variables([1.0, -2.0], [[3.0]])

    def grouped(self, multiplier=1.0, **settings):
        settings = OptimizerSettings(**{"learning_rate": 0.01, **settings})
        groups = {"body": ParameterGroup([self.body]), "head": ParameterGroup([self.head], multiplier)}
        return GroupedOptimizer(settings, groups)

    def test_a_multiplier_is_a_learning_rate_of_its_group_alone(self):
        grouped, (slow, fast) = self.grouped(multiplier=100.0), variables([1.0, -2.0], [[3.0]])
        plain = {0.01: (adam(0.01), slow), 1.0: (adam(1.0), fast)}
        for step in range(STEPS):
            both = gradients(step, [slow, fast])
            grouped.apply(both, [self.body, self.head])
            for gradient, (optimizer, variable) in zip(both, plain.values()):
                optimizer.apply_gradients([(gradient, variable)])
        self.assertAllEqual(self.body, slow)
        self.assertAllEqual(self.head, fast)

    def test_the_learning_rate_is_set_for_all_in_their_proportion(self):
        for name in ("adam", "lamb"):
            grouped = self.grouped(multiplier=100.0, optimizer=name)
            self.assertAllClose(grouped.learning_rate, 0.01)
            grouped.learning_rate = 0.002
            self.assertAllClose(grouped.learning_rate, 0.002)
            rates = [float(optimizer.learning_rate) for optimizer in grouped.optimizers.values()]
            self.assertAllClose(rates, [0.002, 0.2])

    def test_the_learning_rate_is_of_a_group_without_a_multiplier_whichever_comes_first(self):
        groups = {"none": ParameterGroup([], 7.0), "proxies": ParameterGroup([self.head], 100.0)}
        grouped = GroupedOptimizer(OptimizerSettings(learning_rate=0.01), groups)
        self.assertAllClose(grouped.learning_rate, 0.01)
        self.assertEqual(list(grouped.optimizers), ["proxies"])  # Nothing is made for no variables.

    def test_the_wrapper_of_a_float16_policy_is_taken_off(self):
        wrapped = tf.keras.mixed_precision.LossScaleOptimizer(tf.keras.optimizers.Adam(0.25))
        grouped = GroupedOptimizer(wrapped, {"body": ParameterGroup([self.body], 4.0)})
        self.assertIs(type(grouped.first), tf.keras.optimizers.Adam)
        self.assertAllClose(grouped.first.learning_rate, 1.0)

    def test_a_pause_changes_neither_moments_nor_bias_correction(self):
        grouped, unbroken, (body,) = self.grouped(), adam(0.01), variables([1.0, -2.0])
        for step, rests in enumerate((False, True, True, False, False)):
            both = gradients(step, [body, self.head])
            if rests:
                grouped.apply(both[1:], [self.head])
            else:
                grouped.apply(both, [self.body, self.head])
                unbroken.apply_gradients([(both[0], body)])
        self.assertAllEqual(self.body, body)


class CheckpointTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.path = os.path.join(self.get_temp_dir(), "checkpoint")

    def training(self, name):
        if name == "radam":
            pytest.importorskip("tensorflow_addons", reason="radam is TensorFlow Addons', for Python 3.9 to 3.11 only")
        body, head, proxies = variables([1.0, -2.0], [[3.0]], [0.5])
        groups = {
            "body": ParameterGroup([body]),
            "head": ParameterGroup([head]),
            "loss": ParameterGroup([proxies], 100.0),
        }
        optimizer = GroupedOptimizer(OptimizerSettings(optimizer=name, learning_rate=0.01), groups)
        return optimizer, [body, head, proxies]

    def steps(self, optimizer, trained, numbers):
        for step in numbers:
            chosen = trained[1:] if step < 2 else trained  # The body rests at first.
            optimizer.apply(gradients(step, chosen), chosen)

    @parameterized.parameters("adam", "lamb", "radam")
    def test_restored_training_goes_on_as_the_unbroken_one(self, name):
        optimizer, trained = self.training(name)
        self.steps(optimizer, trained, range(4))
        optimizer.learning_rate = 0.005
        tf.train.Checkpoint(optimizer=optimizer, trained=trained).write(self.path)
        again, trained_again = self.training(name)
        tf.train.Checkpoint(optimizer=again, trained=trained_again).read(self.path).assert_consumed()
        self.assertHoldTheSame(again, optimizer)
        self.steps(optimizer, trained, range(4, 8))
        self.steps(again, trained_again, range(4, 8))
        for variable, expected in zip(trained_again, trained):
            self.assertAllEqual(variable, expected)
        self.assertHoldTheSame(again, optimizer)

    def assertHoldTheSame(self, one, other):
        for value, expected in zip(everything(one).values(), everything(other).values()):
            self.assertAllEqual(value, expected)

    @parameterized.parameters("adam", "lamb", "radam")
    def test_all_that_an_optimizer_holds_is_there_before_the_first_step_and_saved(self, name):
        optimizer, trained = self.training(name)
        before = everything(optimizer)
        # Of each of three groups with one variable: two moments and a count of steps at least.
        self.assertGreaterEqual(len(before), 3 * 3)
        path = tf.train.Checkpoint(optimizer=optimizer).write(self.path)
        saved = {key for key, _ in tf.train.list_variables(path)}
        self.steps(optimizer, trained, range(4))
        self.assertEqual(everything(optimizer).keys(), before.keys())
        self.assertGreaterEqual(len([key for key in saved if key.startswith("optimizer/")]), len(before))


if __name__ == "__main__":
    tf.test.main()
