"""The loop: the order of steps, epochs and projections, the warm-up, and the start."""

from __future__ import annotations

import os
from unittest import mock

import numpy as np
import tensorflow as tf

import ccp
from ccp import CCPLoss
from ccp.errors import ConfigError, Interrupted
from tests.support.toy_training import (
    EagerTest,
    Watcher,
    assert_same_tensors,
    saved_tensors,
    toy_settings,
    toy_trainer,
    train_in_parts,
    watched_trainer,
)


class OrderTest(EagerTest):
    def test_epochs_run_in_the_order_of_the_method(self):
        # patience 1: epoch 2 does not beat epoch 1, so the first projection follows it.
        trainer, events = watched_trainer(toy_settings(max_epochs=3), [0.5, 0.4, 0.6])
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
        trainer, events = watched_trainer(toy_settings(max_epochs=2), [0.5, 0.4])
        trainer.fit()
        self.assertNotIn("projection 1", events.events)
        self.assertEqual(trainer.projections.schedule.projections, 0)

    def test_projection_by_period(self):
        settings = toy_settings(projection="period", projection_period=2, max_epochs=5)
        trainer, events = watched_trainer(settings, [0.1, 0.2, 0.3, 0.4, 0.5])
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
        trainer, events = watched_trainer(settings, [0.5, 0.4, 0.3, 0.2, 0.1])
        trainer.fit()
        expected = ["projection 0", "projection 1", "epoch 1", "projection 2", "epoch 2"]
        expected += ["epoch 3", "projection 3", "epoch 4", "epoch 5"]
        self.assertEqual([event for event in events.events if event.startswith(("projection", "epoch"))], expected)


class ProxyStartTest(EagerTest):
    def test_first_the_pair_loss_alone_then_proxies_from_the_trained_network(self):
        schedule = {"projection": "period", "projection_period": 2}
        settings = toy_settings(max_epochs=5, proxy_start_epoch=2, **schedule)
        trainer, events = watched_trainer(settings, [0.9, 0.8, 0.1, 0.2, 0.3])
        candidates, kernels, points = trainer.projections.projector._candidates, [], trainer.loss.proxies.points
        proxies = [points.numpy()]

        def watched(*arguments):
            kernels.append(trainer.model.layers[-1].kernel.numpy())
            proxies.append(points.numpy())
            return candidates(*arguments)

        trainer.projections.projector._candidates = watched
        trainer.fit()
        steps = ["step"] * 3
        expected = ["start", *steps, "epoch 1", *steps, "projection 0", "epoch 2"]
        expected += [*steps, "epoch 3", *steps, "projection 1", "epoch 4", *steps, "epoch 5", "end"]
        self.assertEqual(events.events, expected)
        self.assertEqual([logs["projected"] for logs in events.logs], [False, False, False, True, False])
        self.assertEqual([logs["projections"] for logs in events.logs], [0, 0, 0, 1, 1])

        plain, alone = watched_trainer(toy_settings("contrastive", max_epochs=5), [0.9, 0.8, 0.1, 0.2, 0.3])
        plain.fit()
        self.assertAllEqual(events.kernels[:2], alone.kernels[:2])
        self.assertAllEqual(kernels, [events.kernels[1], events.kernels[3]])
        self.assertAllEqual(proxies[1], proxies[0])  # Nothing, such as weight decay, has moved them or their moments.
        self.assertNotAllEqual(events.kernels[2], alone.kernels[2])
        # The anchor is the best of the problems with proxies, whatever the score was before them.
        anchor = trainer.projections.projector.anchor.of(trainer.model.layers[-1].kernel)
        self.assertAllEqual(anchor, events.kernels[3])

    def test_a_callback_refuses_it_and_says_how(self):
        with self.assertRaisesRegex(ConfigError, "fit the network with the pair loss alone first"):
            ccp.ProjectEveryEpochs(2, proxy_start_epoch=3)


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
        trainer, events = watched_trainer(settings, [0.5, 0.4, 0.6])
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


if __name__ == "__main__":
    tf.test.main()
