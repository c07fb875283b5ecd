"""A training that is stopped and resumed equals one that never was, bit for bit."""

from __future__ import annotations

import itertools
import os

import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import Interrupted
from tests.toy_training import assert_same_tensors, saved_tensors, toy_config, toy_trainer

_SCORES = [0.5, 0.4, 0.6, 0.55, 0.58, 0.3]


def _train(config, directory, stop_after=()):
    """Trains to the end in one process per entry of ``stop_after`` and a last one."""
    for steps in (*stop_after, None):
        done = itertools.count(1)
        trainer = toy_trainer(
            config, _SCORES, checkpoints=directory, should_stop=lambda s=steps, d=done: s is not None and next(d) >= s
        )
        if steps is None:
            trainer.fit()
            return trainer
        try:
            trainer.fit()
        except Interrupted:
            continue
        raise AssertionError("was not interrupted")
    return None


class InterruptionTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("contrastive", "adam"),
        ("proxy/multi_similarity", "adam"),
        ("xbm/contrastive", "adam"),
        ("ccp/contrastive", "adam"),
        ("ccp/triplet", "radam"),
        ("ccp/multi_similarity", "lamb"),
        ("ccp_xbm/contrastive", "adam"),
    )
    def test_resumed_equals_unbroken(self, loss, optimizer):
        config = toy_config(loss, optimizer=optimizer, learning_rate_schedule="plateau", plateau_epochs=2)
        home = self.get_temp_dir()
        whole, broken = os.path.join(home, "whole"), os.path.join(home, "broken")
        unbroken = _train(config, whole)
        # Stops within the first epoch, after its last step but before its validation, and within a later one.
        resumed = _train(config, broken, stop_after=(2, 1, 5))
        assert_same_tensors(saved_tensors(broken), saved_tensors(whole))
        self.assertEqual(resumed.progress, unbroken.progress)
        self.assertEqual(resumed.schedule, unbroken.schedule)
        for one, other in zip(resumed.model.get_weights(), unbroken.model.get_weights()):
            self.assertAllEqual(one, other)

    def test_moments_are_part_of_the_checkpoint(self):
        directory = self.get_temp_dir()
        trainer = _train(toy_config("ccp/contrastive"), directory)
        names = [name for name in saved_tensors(directory) if name.startswith("optimizer")]
        # Adam keeps two moments of each variable; then there are its step count and its learning rate.
        self.assertLen(names, 2 * len(trainer.variables) + 2)


if __name__ == "__main__":
    tf.test.main()
