"""A training that is stopped and resumed equals one that never was, bit for bit."""

from __future__ import annotations

import itertools
import os
from unittest import mock

import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import Interrupted
from tests.support import toy_training
from tests.support.toy_training import (
    assert_same_tensors,
    saved_tensors,
    toy_settings,
    toy_trainer,
    train_in_parts,
)

_SCORES = [0.5, 0.4, 0.6, 0.55, 0.58, 0.3]


class InterruptionTest(tf.test.TestCase, parameterized.TestCase):
    @parameterized.parameters(
        ("contrastive", "adam", True),
        ("proxy/multi_similarity", "lamb", True),
        ("ccp/contrastive+0.5*ccp/triplet+softmax", "adam", True),
        ("ccp_xbm/contrastive", "adam", False),
    )
    def test_resumed_equals_unbroken(self, loss, optimizer, eagerly):
        tf.config.run_functions_eagerly(eagerly)  # Tracing takes longer than the steps.
        self.addCleanup(tf.config.run_functions_eagerly, False)
        settings = toy_settings(
            loss,
            optimizer=optimizer,
            learning_rate_schedule="plateau",
            plateau_epochs=2,
            learning_rate_warm_up=5,
            ema_decay=0.9,
            gradient_chunks=2 if optimizer == "lamb" else 1,
            **({"proxy_start_epoch": 1} if "softmax" in loss else {}),
        )
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

    def test_resumed_it_samples_the_classes_that_an_unbroken_one_does(self):
        tf.config.run_functions_eagerly(True)
        self.addCleanup(tf.config.run_functions_eagerly, False)
        home = self.get_temp_dir()
        whole, broken = os.path.join(home, "whole"), os.path.join(home, "broken")
        with mock.patch.object(toy_training, "CLASSES", 40):
            settings = toy_settings("proxy/contrastive", class_share=0.5, max_epochs=2)
            train_in_parts(settings, whole)
            train_in_parts(settings, broken, (2, 1))
        assert_same_tensors(saved_tensors(broken), saved_tensors(whole))
        counts = [value for name, value in saved_tensors(whole).items() if "/steps/" in name]
        self.assertEqual(counts, [2 * toy_training.STEPS])

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

    @parameterized.parameters("validate", "candidates", "put_back")
    def test_interrupted_between_an_epochs_last_step_and_its_checkpoint(self, interrupted):
        tf.config.run_functions_eagerly(True)
        self.addCleanup(tf.config.run_functions_eagerly, False)
        settings = toy_settings("ccp/contrastive", learning_rate_schedule="plateau", plateau_epochs=1, ema_decay=0.5)
        home = self.get_temp_dir()
        whole, broken = os.path.join(home, "whole"), os.path.join(home, "broken")
        train_in_parts(settings, whole, scores=_SCORES)
        # Each time the second validation, or the first projection but that of the start; or after the second validation
        # before the weights as trained are back in place of their averages.
        trainer = toy_trainer(settings, scores=_SCORES, checkpoints=broken)
        owner, name = (trainer, "_validate")
        if interrupted == "candidates":
            owner, name = trainer.projections.projector, "_candidates"
        elif interrupted == "put_back":
            owner, name = trainer.state.average, "put_back"
        work, done = getattr(owner, name), itertools.count()

        def interrupt(*args):
            if next(done) == 1:
                raise KeyboardInterrupt
            return work(*args)

        setattr(owner, name, interrupt)
        with self.assertRaisesRegex(Interrupted, r"Stopped after step 3 of epoch 2 \(step 6 overall\); all is saved"):
            trainer.fit()
        train_in_parts(settings, broken, scores=_SCORES)
        assert_same_tensors(saved_tensors(broken), saved_tensors(whole))

    def test_interrupted_as_the_first_proxies_are_announced(self):
        class Announced(tf.keras.callbacks.Callback):
            def __init__(self, fails):
                super().__init__()
                self.fails, self.indices = fails, []

            def on_projection(self, projection):
                if self.fails:
                    raise KeyboardInterrupt
                self.indices.append(projection.index)

        directory = self.get_temp_dir()
        callback = Announced(fails=True)
        with self.assertRaises(KeyboardInterrupt):
            toy_trainer(toy_settings(max_epochs=1), checkpoints=directory, callbacks=[callback]).fit()
        callback.fails = False
        toy_trainer(toy_settings(max_epochs=1), checkpoints=directory, callbacks=[callback]).fit()
        self.assertEqual(callback.indices, [0])

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
