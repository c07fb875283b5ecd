"""A training that is stopped and resumed equals one that never was, bit for bit."""

from __future__ import annotations

import os

import tensorflow as tf
from absl.testing import parameterized

from tests.support.toy_training import assert_same_tensors, saved_tensors, toy_settings, train_in_parts

_SCORES = [0.5, 0.4, 0.6, 0.55, 0.58, 0.3]


class InterruptionTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("contrastive", "adam", True),
        ("proxy/multi_similarity", "lamb", True),
        ("xbm/contrastive", "adam", True),
        ("ccp/triplet", "lamb", True),
        ("ccp_xbm/contrastive", "adam", False),
    )
    def test_resumed_equals_unbroken(self, loss, optimizer, eagerly):
        tf.config.run_functions_eagerly(eagerly)  # Tracing takes longer than the steps.
        self.addCleanup(tf.config.run_functions_eagerly, False)
        settings = toy_settings(loss, optimizer=optimizer, learning_rate_schedule="plateau", plateau_epochs=2)
        home = self.get_temp_dir()
        whole, broken = os.path.join(home, "whole"), os.path.join(home, "broken")
        unbroken = train_in_parts(settings, whole, scores=_SCORES)
        # Stops within the first epoch, after its last step but before its validation, and within a later one.
        resumed = train_in_parts(settings, broken, (2, 1, 5), scores=_SCORES)
        assert_same_tensors(saved_tensors(broken), saved_tensors(whole))
        self.assertEqual(resumed.progress, unbroken.progress)
        self.assertEqual(*(one.projections and one.projections.schedule for one in (resumed, unbroken)))
        for one, other in zip(resumed.model.get_weights(), unbroken.model.get_weights()):
            self.assertAllEqual(one, other)

    def test_the_learning_rates_since_the_last_projection_are_part_of_the_checkpoint(self):
        tf.config.run_functions_eagerly(True)
        self.addCleanup(tf.config.run_functions_eagerly, False)
        # 3 steps an epoch, one projection for every two epochs: stops come between a problem's first and last step.
        settings = toy_settings(projection="staleness", staleness=0.5, learning_rate=0.1)
        home = self.get_temp_dir()
        whole, broken = os.path.join(home, "whole"), os.path.join(home, "broken")
        unbroken = train_in_parts(settings, whole, scores=_SCORES)
        resumed = train_in_parts(settings, broken, (2, 3, 2), scores=_SCORES)
        assert_same_tensors(saved_tensors(broken), saved_tensors(whole))
        self.assertEqual(resumed.projections.schedule, unbroken.projections.schedule)
        self.assertGreater(unbroken.projections.schedule.projections, 1)

    def test_moments_are_part_of_the_checkpoint(self):
        directory = self.get_temp_dir()
        trainer = train_in_parts(toy_settings("ccp/contrastive"), directory)
        # The first group's optimizer is the model's too, and may be named after that.
        names = [name for name in saved_tensors(directory) if name.startswith(("optimizer", "model/optimizer"))]
        names = [name for name in names if "_trainable_variables" not in name]  # Keras 3 lists these there too.
        variables = [*trainer.model.trainable_variables, trainer.loss.proxies.points]
        # Adam keeps two moments of each variable; each of three groups has a step count and a learning rate.
        self.assertLen(names, 2 * len(variables) + 3 * 2)


if __name__ == "__main__":
    tf.test.main()
