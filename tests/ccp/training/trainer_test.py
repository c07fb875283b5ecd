"""The loop: order, stopping, best weights, errors."""

from __future__ import annotations

import itertools
import os
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import CCPLoss, Trainer
from ccp.errors import ConfigError, Interrupted, TrainingError, UserError
from tests.support.toy_training import (
    EagerTest,
    Watcher,
    assert_same_tensors,
    saved_tensors,
    toy_batches,
    toy_settings,
    toy_trainer,
    train_in_parts,
)


class _Events(tf.keras.callbacks.Callback):
    """Writes down what happens, the logs of epochs, and the head's kernel after each epoch."""

    def __init__(self):
        super().__init__()
        self.events, self.logs, self.kernels = [], [], []

    def on_train_begin(self, logs=None):
        self.events.append("start")

    def on_train_batch_end(self, batch, logs=None):
        self.events.append("step")

    def on_projection(self, projection):
        self.events.append(f"projection {projection.index}")

    def on_train_end(self, logs=None):
        self.events.append("end")

    def on_epoch_end(self, epoch, logs=None):
        self.events.append(f"epoch {epoch + 1}")
        self.logs.append(logs)
        self.kernels.append(self.model.layers[-1].kernel.numpy())


def _watched(settings, scores, **more):
    events = _Events()
    return toy_trainer(settings, scores, callbacks=[events], **more), events


class OrderTest(EagerTest):
    def test_epochs_run_in_the_order_of_the_method(self):
        # patience 1: epoch 2 does not beat epoch 1, so the first projection follows it.
        trainer, events = _watched(toy_settings(max_epochs=3), [0.5, 0.4, 0.6])
        trainer.fit()
        steps = ["step"] * 3
        self.assertEqual(
            events.events,
            ["start", "projection 0", *steps, "epoch 1", *steps, "projection 1", "epoch 2", *steps, "epoch 3", "end"],
        )

    def test_steps_are_traced_once(self):
        tf.config.run_functions_eagerly(False)
        trainer = toy_trainer(toy_settings("ccp_xbm/contrastive", max_epochs=4), [0.5, 0.4, 0.6])
        with mock.patch.object(CCPLoss, "call", autospec=True, side_effect=CCPLoss.call) as call:
            trainer.fit()
        self.assertEqual(call.call_count, 1)  # Python code runs as it is traced.

    def test_nothing_is_projected_after_the_last_step(self):
        # patience 1: epoch 2 would project, but training ends with it.
        trainer, events = _watched(toy_settings(max_epochs=2), [0.5, 0.4])
        trainer.fit()
        self.assertNotIn("projection 1", events.events)
        self.assertEqual(trainer.projections.schedule.projections, 0)

    def test_projection_by_period(self):
        settings = toy_settings(projection="period", projection_period=2, max_epochs=5)
        trainer, events = _watched(settings, [0.1, 0.2, 0.3, 0.4, 0.5])
        trainer.fit()
        projections = [event for event in events.events if event.startswith(("projection", "epoch"))]
        self.assertEqual(
            projections,
            ["projection 0", "epoch 1", "projection 1", "epoch 2", "epoch 3", "projection 2", "epoch 4", "epoch 5"],
        )

    def test_projection_by_staleness_follows_the_learning_rate_as_it_is(self):
        # 3 steps an epoch. The first score beats none before it, so the rate is first halved after the second epoch:
        # 0.3; 0.3; 0.15 + 0.075.
        schedule = {"learning_rate_schedule": "plateau", "plateau_epochs": 1, "plateau_factor": 0.5}
        settings = toy_settings(projection="staleness", staleness=0.22, max_epochs=5, learning_rate=0.1, **schedule)
        trainer, events = _watched(settings, [0.5, 0.4, 0.3, 0.2, 0.1])
        trainer.fit()
        expected = ["projection 0", "projection 1", "epoch 1", "projection 2", "epoch 2"]
        expected += ["epoch 3", "projection 3", "epoch 4", "epoch 5"]
        self.assertEqual([event for event in events.events if event.startswith(("projection", "epoch"))], expected)


class WarmUpTest(EagerTest):
    SETTINGS = toy_settings("proxy/contrastive", warm_up_epochs=2, max_epochs=4, proxy_rate_multiplier=100.0)

    def test_the_body_rests_and_then_all_are_trained(self):
        def look():
            body, head = trainer.model.layers[:-1], trainer.model.layers[-1]
            of_body = [weight for layer in body for weight in layer.weights]
            return [w.numpy() for w in (head.kernel, trainer.loss.proxies.points, *of_body)]

        watcher = Watcher(look)
        trainer = toy_trainer(self.SETTINGS, callbacks=[watcher])
        trainer.fit()
        self.assertLen(watcher.seen, 1 + 4 * 3)
        for step, (before, now) in enumerate(zip(watcher.seen, watcher.seen[1:])):
            changed = [not np.array_equal(one, other) for one, other in zip(before, now)]
            # Head and proxies; γ, β and both statistics of the batch norm, kernel and bias of the body.
            self.assertEqual(changed, [True, True] + [step >= 2 * 3] * 6, f"step {step + 1}")

    def test_proxies_alone_learn_at_the_multiplied_rate(self):
        watcher = Watcher(lambda: [trainer.loss.proxies.points.numpy(), trainer.model.layers[-1].kernel.numpy()])
        trainer = toy_trainer(self.SETTINGS, callbacks=[watcher])
        trainer.fit()
        # Adam's first step is as long as the learning rate wherever the gradient is not next to 0.
        for before, now, rate in zip(*watcher.seen[:2], (100 * 0.01, 0.01)):
            self.assertNear(np.abs(now - before).max(), rate, 1e-3 * rate)

    def test_stopped_and_resumed_within_and_after_it_equals_unbroken(self):
        home = self.get_temp_dir()
        whole, broken = os.path.join(home, "whole"), os.path.join(home, "broken")
        train_in_parts(self.SETTINGS, whole)
        # After steps 2; 6, the warm-up's last, before its validation; and 7. The ends of epochs are counted too.
        train_in_parts(self.SETTINGS, broken, stop_after=(2, 5, 2))
        assert_same_tensors(saved_tensors(broken), saved_tensors(whole))

    def test_ccp_can_warm_up_too(self):
        settings = toy_settings(warm_up_epochs=2, max_epochs=3)
        trainer, events = _watched(settings, [0.5, 0.4, 0.6])
        watcher = Watcher(lambda: trainer.model.layers[1].kernel.numpy())
        trainer.callbacks.append(watcher)
        trainer.fit()
        # Projected after the second epoch: λ is above 0 from then on, and the body at its anchor.
        self.assertEqual(events.events.count("projection 1"), 1)
        self.assertAllEqual(watcher.seen[6], watcher.seen[0])
        self.assertNotAllEqual(watcher.seen[7], watcher.seen[6])


class InitializeTest(EagerTest):
    def test_once_at_a_fresh_start_and_before_proxies_are_made(self):
        order, directory = [], self.get_temp_dir()

        def trainer():
            def start():
                made.model.layers[-1].kernel.assign(tf.fill([12, 8], 0.5))
                order.append("weights")

            made = toy_trainer(toy_settings(max_epochs=2), checkpoints=directory, initialize=start)
            begin = made.projections.start
            made.projections.start = lambda: order.append("proxies") or begin()
            return made

        first = trainer()
        first._should_stop = lambda: True
        with self.assertRaises(Interrupted):
            first.fit()
        self.assertEqual(order, ["weights", "proxies"])
        # Each row of the kernel is constant, and so is each embedding: as are the proxies, which were some of them.
        self.assertAllEqual(first.overall_best.copies[-1], first.overall_best.copies[-1][..., :1] + tf.zeros(8))
        trainer().fit()
        self.assertEqual(order, ["weights", "proxies"])


class StoppingTest(EagerTest):
    @parameterized.parameters("contrastive", "ccp/contrastive")
    def test_the_best_weights_are_kept_however_training_ends(self, loss):
        # Ends by max_epochs, without early stopping; the second of five epochs is the best.
        trainer, events = _watched(toy_settings(loss, max_epochs=5), [0.2, 0.9, 0.8, 0.7, 0.6])
        trainer.fit()
        self.assertAllEqual(trainer.model.layers[-1].kernel, events.kernels[1])
        self.assertNotAllEqual(events.kernels[1], events.kernels[-1])
        self.assertEqual(trainer.progress.best_epoch, 2)
        self.assertEqual(trainer.progress.best_score, 0.9)

    def test_early_stopping_counts_epochs_since_the_best_overall(self):
        # Best at epoch 2; epochs 3, 4 and 5 do not beat it, projections in between notwithstanding.
        trainer, events = _watched(toy_settings(max_epochs=50, early_stopping=3), [0.2, 0.9, 0.5, 0.8, 0.85, 0.1])
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
        trainer, events = _watched(settings, [0.5, 0.4, 0.3, 0.2, 0.1, 0.1])
        trainer.fit()
        rates = [logs["learning_rate"] for logs in events.logs]
        # Two epochs without improvement (2 and 3) halve it, and so do the next two (4 and 5).
        self.assertAllClose(rates, [0.01, 0.01, 0.005, 0.005, 0.0025, 0.0025])


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
        events = _Events()
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
        events = _Events()
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
