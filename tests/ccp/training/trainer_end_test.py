"""What ends a training, the weights that it keeps, and how it is extended."""

from __future__ import annotations

import math
import os

import tensorflow as tf
from absl.testing import parameterized

from tests.support.toy_training import (
    EagerTest,
    Events,
    assert_same_tensors,
    saved_tensors,
    toy_settings,
    toy_trainer,
    watched_trainer,
)


class StoppingTest(EagerTest):
    @parameterized.parameters("contrastive", "ccp/contrastive")
    def test_the_best_weights_are_kept_however_training_ends(self, loss):
        # Ends by max_epochs, without early stopping; the second of five epochs is the best.
        trainer, events = watched_trainer(toy_settings(loss, max_epochs=5), [0.2, 0.9, 0.8, 0.7, 0.6])
        trainer.fit()
        self.assertAllEqual(trainer.model.layers[-1].kernel, events.kernels[1])
        self.assertNotAllEqual(events.kernels[1], events.kernels[-1])
        self.assertEqual(trainer.progress.best_epoch, 2)
        self.assertEqual(trainer.progress.best_score, 0.9)

    def test_early_stopping_counts_epochs_since_the_best_overall(self):
        # Best at epoch 2; epochs 3, 4 and 5 do not beat it, projections in between notwithstanding.
        trainer, events = watched_trainer(
            toy_settings(max_epochs=50, early_stopping=3), [0.2, 0.9, 0.5, 0.8, 0.85, 0.1]
        )
        progress = trainer.fit()
        self.assertEqual(progress.epoch, 5)
        self.assertIn("projection 1", events.events)

    def test_an_improvement_within_the_threshold_does_not_count(self):
        trainer = toy_trainer(toy_settings("contrastive", max_epochs=50, early_stopping=2), [0.5, 0.500009, 0.50001])
        self.assertEqual(trainer.fit().epoch, 3)

    def test_the_learning_rate_is_lowered_on_a_plateau(self):
        settings = toy_settings(
            "contrastive", learning_rate=0.01, learning_rate_schedule="plateau", plateau_epochs=2, max_epochs=6
        )
        trainer, events = watched_trainer(settings, [0.5, 0.4, 0.3, 0.2, 0.1, 0.1])
        trainer.fit()
        rates = [logs["learning_rate"] for logs in events.logs]
        # Two epochs without improvement (2 and 3) halve it, and so do the next two (4 and 5).
        self.assertAllClose(rates, [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025])

    def test_a_scheduled_rate_is_that_of_every_step_and_of_staleness(self):
        # 3 steps an epoch: 2 of warm-up, then 4 along the cosine from 0.08 to 0.02, and 0.02 after that.
        schedule = {"learning_rate_schedule": "cosine", "cosine_epochs": 2, "learning_rate_warm_up": 2}
        settings = toy_settings(
            learning_rate=0.08, min_learning_rate=0.02, max_epochs=4, projection="staleness", staleness=0.2, **schedule
        )
        seen = []
        watch = tf.keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: seen.append(trainer.optimizer.learning_rate)
        )
        events = Events()
        trainer = toy_trainer(settings, callbacks=[watch, events])
        trainer.fit()
        cosine = [0.05 + 0.03 * math.cos(math.pi * quarters / 4) for quarters in range(4)]
        expected = [0.04, 0.08, *cosine, *[0.02] * 6]
        self.assertAllClose(seen, expected, rtol=1e-6)
        # The sums of the epochs are 0.2, 0.15, 0.06 and 0.06; at 0.08 throughout, each would be 0.24.
        projections = [event for event in events.events if event.startswith(("projection", "epoch"))]
        expected = ["projection 0", "projection 1", "epoch 1", "epoch 2", "projection 2", "epoch 3", "epoch 4"]
        self.assertEqual(projections, expected)

    def test_a_plateau_lowers_what_the_warm_up_rises_to(self):
        schedule = {"learning_rate_schedule": "plateau", "plateau_epochs": 1, "learning_rate_warm_up": 9}
        settings = toy_settings("contrastive", learning_rate=0.09, max_epochs=3, **schedule)
        trainer, events = watched_trainer(settings, [0.5, 0.4, 0.3])
        trainer.fit()
        # The last steps of the epochs are the 3rd, the 6th and, after a score that is no better, the 9th of 9.
        self.assertAllClose([logs["learning_rate"] for logs in events.logs], [0.03, 0.06, 0.045])


class ExtensionTest(EagerTest):
    # Patience 1: epoch 2 does not beat epoch 1. A training that ends there projects only once it is extended.
    SCORES = (0.5, 0.4, 0.6, 0.3, 0.2, 0.7)

    def trained(self, directory, loss="ccp_xbm/contrastive", scores=SCORES, events=(), **changes):
        settings = toy_settings(loss, **{"max_epochs": 6, "learning_rate_schedule": "plateau", **changes})
        trainer = toy_trainer(settings, scores, checkpoints=directory, callbacks=events)
        trainer.fit()
        return trainer

    @parameterized.product(
        # Three steps at a rate of 0.01 in an epoch: the budget is spent after the second one.
        loss=("contrastive", "ccp_xbm/contrastive", {"projection": "staleness", "staleness": 0.05}),
        first=({"max_epochs": 2}, {"early_stopping": 1}),
    )
    def test_equals_a_training_that_was_long_from_the_start(self, loss, first):
        loss, more = (loss, {}) if isinstance(loss, str) else ("ccp/contrastive", loss)
        home = self.get_temp_dir()
        whole, extended = os.path.join(home, "whole"), os.path.join(home, "extended")
        expected = self.trained(whole, loss, **more)
        self.assertEqual(self.trained(extended, loss, **more, **first).progress.epoch, 2)
        events = Events()
        trainer = self.trained(extended, loss, events=[events], **more)
        self.assertEqual(trainer.progress, expected.progress)
        assert_same_tensors(saved_tensors(extended), saved_tensors(whole))
        after_start = ["projection 1", *["step"] * 3] if loss.startswith("ccp") else ["step"] * 3
        self.assertEqual(events.events[: 1 + len(after_start)], ["start", *after_start])
        for one, other in zip(trainer.model.weights, expected.model.weights):
            self.assertAllEqual(one, other)

    def test_what_has_ended_stays_ended_without_reason(self):
        directory = self.get_temp_dir()
        first = self.trained(directory, early_stopping=1, max_epochs=4)
        events = Events()
        again = self.trained(directory, early_stopping=1, max_epochs=5, events=[events])
        self.assertEqual(again.progress, first.progress)
        self.assertEqual(events.events, ["start", "end"])

    def test_a_callback_s_stop_is_kept(self):
        class Stop(tf.keras.callbacks.Callback):
            def on_epoch_end(self, epoch, logs=None):
                self.model.stop_training = True

        directory = self.get_temp_dir()
        self.trained(directory, events=[Stop()])
        self.assertEqual(self.trained(directory, max_epochs=20).progress.epoch, 1)


if __name__ == "__main__":
    tf.test.main()
