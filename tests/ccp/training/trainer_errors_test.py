"""What a training cannot continue with: which step is named, and what has been saved by then."""

from __future__ import annotations

import itertools
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import CCPLoss, Trainer
from ccp.errors import ConfigError, TrainingError, UserError
from tests.support.toy_training import EagerTest, Watcher, saved_tensors, toy_batches, toy_settings, toy_trainer


class ErrorTest(EagerTest):
    def test_a_loss_that_is_not_finite_names_its_step_and_leaves_the_last_checkpoint(self):
        def batches(epoch, step):
            for number, (images, labels) in enumerate(toy_batches(epoch, step)):
                yield (images * np.nan if number == 4 else images), labels  # Step 2 of the second epoch.

        directory = self.get_temp_dir()
        trainer = toy_trainer(toy_settings(), batches=batches, checkpoints=directory)
        with self.assertRaisesRegex(TrainingError, r"step 2 of epoch 2 \(step 5 overall\).*ckpt-2"):
            trainer.fit()
        for name, value in saved_tensors(directory).items():
            if not isinstance(value, bytes):
                self.assertTrue(np.isfinite(value).all(), name)
        # It resumes at the end of the first epoch.
        resumed = toy_trainer(toy_settings(), checkpoints=directory)
        self.assertTrue(resumed.restore())
        self.assertEqual((resumed.progress.epoch, resumed.progress.step), (1, 0))

    @parameterized.parameters((2, None, 4), (5, None, 7), (2, 3, 3))
    def test_losses_are_read_together_but_before_a_checkpoint(self, bad, stop_after, found):
        def batches(epoch, step):
            for number, (images, labels) in enumerate(toy_batches(0, 0)):
                yield (images * np.nan if number == bad else images), labels

        directory, seen = self.get_temp_dir(), Watcher(lambda: trainer.progress.total_steps)
        trainer = toy_trainer(
            toy_settings("contrastive", steps_per_epoch=7),
            batches=batches,
            callbacks=[seen],
            checkpoints=directory,
            should_stop=lambda: trainer.progress.total_steps == stop_after,
        )
        message = rf"loss is nan at step {bad + 1} of epoch 1 .*ckpt-1\."
        with mock.patch("ccp.training.trainer._READ_EVERY", 4), self.assertRaisesRegex(TrainingError, message):
            trainer.fit()
        self.assertEqual(seen.seen[-1], found)

    def test_settings_that_are_something_else(self):
        with self.assertRaisesRegex(ConfigError, r"settings as ccp.ProjectionSettings\(…\); got 'plateau'"):
            Trainer(tf.keras.Sequential(), CCPLoss, [], dict, projection="plateau")

    def test_batches_that_end_are_named(self):
        def batches(epoch, step):
            return itertools.islice(toy_batches(epoch, step), 4)

        with self.assertRaisesRegex(TrainingError, r"batches ended at step 1 of epoch 2 \(step 4 overall\)"):
            toy_trainer(toy_settings(), batches=batches).fit()

    def test_validation_that_fails_names_its_step(self):
        def validate():
            raise UserError("embeddings are not finite")

        with self.assertRaisesRegex(TrainingError, "Validation after step 3 of epoch 1 .*: embeddings are not finite"):
            toy_trainer(toy_settings(), validate=validate).fit()

    def test_a_missing_score_is_named(self):
        trainer = toy_trainer(toy_settings(), validate=lambda: {"precision_at_1": 0.5})
        with self.assertRaisesRegex(TrainingError, "map_at_r is to be monitored"):
            trainer.fit()

    def test_a_score_that_is_not_finite_stops_before_anything_is_saved(self):
        directory = self.get_temp_dir()
        trainer = toy_trainer(toy_settings(), validate=lambda: {"map_at_r": float("nan")}, checkpoints=directory)
        with self.assertRaisesRegex(TrainingError, r"after step 3 of epoch 1 \(step 3 overall\) gave map_at_r = nan"):
            trainer.fit()
        resumed = toy_trainer(toy_settings(), checkpoints=directory)
        resumed.restore()
        self.assertEqual(resumed.progress.epoch, 0)


if __name__ == "__main__":
    tf.test.main()
