"""Loss scaling: what it multiplies, which steps it skips, and how the scale changes."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from ccp.errors import TrainingError
from ccp.training.loss_scale import LossScale
from tests.support.toy_training import (
    EagerTest,
    Watcher,
    assert_same_tensors,
    saved_tensors,
    toy_settings,
    toy_trainer,
    train_in_parts,
)


def scale_at(value: float, made: int = 0) -> LossScale:
    """A loss scale after ``made`` steps in a row."""
    scale = LossScale()
    scale.scale.assign(value)
    scale._made.assign(made)
    return scale


@tf.custom_gradient
def total_without_gradient(values: tf.Tensor):
    """The sum, which is finite, with a gradient that is not."""
    return tf.reduce_sum(values), lambda _: tf.fill(tf.shape(values), np.float32("nan"))


class LossScaleTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.steps = tf.Variable(0)

    def step_if(self, scale, *finite):
        for one in finite:
            scale.step_if(tf.constant(one), lambda: self.steps.assign_add(1))

    def test_gradients_come_out_as_they_would_without(self):
        weight, scale = tf.Variable([3.0, -0.5]), scale_at(2.0**15)
        with tf.GradientTape() as tape:
            scaled = scale.scaled(tf.reduce_sum(weight**2))
        self.assertAllEqual(scaled, 9.25 * 32768)
        # A power of two changes no digit: exactly 2 θ.
        self.assertAllEqual(scale.unscaled(tape.gradient(scaled, [weight]))[0], [6.0, -1.0])

    def test_an_overflow_leaves_the_step_out_and_halves_the_scale(self):
        scale = scale_at(8.0)
        self.step_if(scale, True, False)
        self.assertAllEqual((self.steps, scale.scale), (1, 4.0))
        self.step_if(scale, False, True)
        self.assertAllEqual((self.steps, scale.scale), (2, 2.0))

    def test_it_never_falls_below_1(self):
        scale = scale_at(2.0)
        self.assertTrue(scale.step_if(tf.constant(False), self.fail))
        self.assertAllEqual(scale.scale, 1.0)
        self.assertFalse(scale.step_if(tf.constant(False), self.fail))
        self.assertAllEqual(scale.scale, 1.0)

    def test_it_doubles_after_2000_steps_in_a_row(self):
        scale, seen = scale_at(8.0, made=1998), []
        for _ in range(3):
            self.step_if(scale, True)
            seen.append(float(scale.scale))
        self.assertEqual(seen, [8.0, 16.0, 16.0])

    def test_an_overflow_starts_the_count_anew(self):
        scale = scale_at(8.0, made=1999)
        self.step_if(scale, False, True)
        self.assertAllEqual(scale.scale, 4.0)

    def test_it_stays_finite_where_all_gradients_are_0_for_long(self):
        scale = scale_at(2.0**63)
        for _ in range(2):
            scale._made.assign(1999)
            self.step_if(scale, True)
            self.assertAllEqual(scale.scale, 2.0**64)


class TrainingTest(EagerTest):
    # The norm of its gradients is about 30 at the start: times 2¹⁵ they are beyond float16, which ends at 65,504.
    SETTINGS = toy_settings("proxy_anchor", mixed_precision="float16", max_epochs=3)

    def trainer(self, loss):
        return toy_trainer(toy_settings("contrastive", mixed_precision="float16"), loss=loss)

    def test_the_scale_falls_until_it_fits_and_steps_that_overflow_are_left_out(self):
        def look():
            weights = [*trainer.model.trainable_variables, *trainer.loss.proxies.trainable_variables]
            return float(trainer.state.step.loss_scale.scale), [weight.numpy() for weight in weights]

        watcher = Watcher(look)
        trainer = toy_trainer(self.SETTINGS, callbacks=[watcher])
        trainer.fit()
        scales = [scale for scale, _ in watcher.seen]
        made = [now == before for before, now in zip(scales, scales[1:])]
        self.assertEqual((made[0], made[-1]), (False, True))
        self.assertEqual(scales[-1], 2.0 ** (15 - made.count(False)))
        for was_made, (_, before), (_, now) in zip(made, watcher.seen, watcher.seen[1:]):
            for weight, same in zip(now, before):
                self.assertEqual(np.array_equal(weight, same), not was_made)

    def test_it_is_part_of_the_checkpoint(self):
        home = self.get_temp_dir()
        whole, broken = os.path.join(home, "whole"), os.path.join(home, "broken")
        trainer = train_in_parts(self.SETTINGS, whole)
        self.assertLess(float(trainer.state.step.loss_scale.scale), 2.0**15)
        train_in_parts(self.SETTINGS, broken, stop_after=(1, 3))
        assert_same_tensors(saved_tensors(broken), saved_tensors(whole))

    def test_gradients_that_are_not_finite_at_a_scale_of_1_are_an_error(self):
        trainer = self.trainer(lambda labels, embeddings: total_without_gradient(embeddings))
        # From 2¹⁵ it falls to 1 in 15 steps, of 3 per epoch: the 16th is the first one of epoch 6.
        with self.assertRaisesRegex(TrainingError, r"gradient's norm is nan at step 1 of epoch 6 \(step 16 over"):
            trainer.fit()
        self.assertAllEqual(trainer.state.step.loss_scale.scale, 1.0)

    def test_a_loss_that_is_not_finite_is_an_error_at_any_scale(self):
        trainer = self.trainer(lambda labels, embeddings: tf.reduce_sum(embeddings) / 0.0)
        with self.assertRaisesRegex(TrainingError, "The loss is .* at step 1 of epoch 1"):
            trainer.fit()

    def test_other_precisions_have_none(self):
        self.assertIsNone(toy_trainer(toy_settings("contrastive")).state.step.loss_scale)
        self.assertIsNone(toy_trainer(toy_settings("contrastive", mixed_precision="bfloat16")).state.step.loss_scale)


if __name__ == "__main__":
    tf.test.main()
