"""Callbacks that project during ``fit`` give the trainer's training."""

from __future__ import annotations

import tensorflow as tf
from absl.testing import parameterized

import ccp
from tests.support.fitted_model import VALIDATION, Projections, batches, ccp_loss, compiled, fitted, network
from tests.support.toy_training import EagerTest


class ProjectingTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        (ccp.ProjectOnPlateau(patience=1, candidates_per_class=3, proximal_weight=0.1), {"patience": 1}, False),
        (
            ccp.ProjectEveryEpochs(2, candidates_per_class=3, proximal_weight=0.1),
            {"projection": "period", "projection_period": 2},
            True,
        ),
        # 5 steps an epoch at 0.01: every third epoch.
        (
            ccp.ProjectOnStaleness(0.12, candidates_per_class=3, proximal_weight=0.1),
            {"projection": "staleness", "staleness": 0.12},
            True,
        ),
    )
    def test_trains_as_the_trainer_does(self, projecting, settings, eagerly):
        tf.config.run_functions_eagerly(eagerly)  # Tracing takes longer than the steps.
        self.addCleanup(tf.config.run_functions_eagerly, False)
        gradients = ccp.GradientSettings(weight_decay=0.01, clip_norm=1.0, proxy_rate_multiplier=10.0)
        model, seen = compiled(gradients=gradients), Projections()
        history = fitted(model, epochs=6, callbacks=[projecting, seen])
        losses = []
        trainer = ccp.Trainer(
            network(),
            ccp_loss(),
            batches(),
            VALIDATION,
            loop=ccp.LoopSettings(steps_per_epoch=5, max_epochs=6),
            projection=ccp.ProjectionSettings(pool_size=3, proximal_weight=0.1, **settings),
            optimizer=ccp.OptimizerSettings(learning_rate=0.01),
            gradients=gradients,
            callbacks=[tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: losses.append(logs["loss"]))],
            verbose=False,
        )
        trainer.fit()
        self.assertGreater(trainer.projections.schedule.projections, 0)
        self.assertEqual(len(seen.seen) - 1, trainer.projections.schedule.projections)
        self.assertAllClose(history["loss"], losses, rtol=1e-5)
        self.assertNear(max(history["val_map_at_r"]), trainer.progress.best_score, 1e-6)
        for ours, theirs in zip(model.network.get_weights(), trainer.model.get_weights()):  # The best ones.
            self.assertAllClose(ours, theirs, rtol=1e-5, atol=1e-6)
        self.assertAllClose(model.training_loss.proxies.points, trainer.loss.proxies.points, rtol=1e-5, atol=1e-6)

    def test_staleness_counts_each_of_several_steps_at_once_and_the_rate_that_a_callback_sets(self):
        model = ccp.CCPModel(network(), ccp_loss())
        model.compile(tf.keras.optimizers.Adam(0.01), steps_per_execution=2)
        rates = tf.keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 if epoch < 2 else 0.02)
        seen = Projections()
        # 5 steps an epoch in 2 + 2 + 1. With the rate that the callback sets: 0.05, 0.05, 0.1; 0.1, 0.1; 0.1.
        fitted(model, epochs=6, callbacks=[rates, ccp.ProjectOnStaleness(0.2), seen])
        self.assertEqual([projection.index for projection in seen.seen], [0, 1, 2])


class RatesAndRefusalsTest(EagerTest):
    def test_the_learning_rate_that_callbacks_set_counts_for_all(self):
        model, seen = compiled(gradients=ccp.GradientSettings(proxy_rate_multiplier=10.0)), Projections()
        nothing = tf.keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
        fitted(model, callbacks=[nothing, ccp.ProjectEveryEpochs(9), seen])
        self.assertAllEqual(seen.proxies[1], seen.proxies[2])

    def test_what_cannot_project(self):
        with self.assertRaisesRegex(ValueError, "monitors val_map_at_r, and the logs hold loss. Pass validation_data"):
            ccp.ProjectOnPlateau().on_epoch_end(0, {"loss": 1.0})
        with self.assertRaisesRegex(ValueError, "needs a ccp.CCPModel with a CCPLoss.* got CCPModel with TripletLoss"):
            compiled(ccp.TripletLoss()).fit(batches(), callbacks=[ccp.ProjectEveryEpochs(1)], verbose=0)


if __name__ == "__main__":
    tf.test.main()
