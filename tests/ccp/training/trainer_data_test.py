"""What a trainer takes: batches and validation of any kind, Keras optimizers, Keras callbacks."""

from __future__ import annotations

import contextlib
import csv
import itertools
import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import ccp
from ccp.errors import ConfigError, Interrupted, TrainingError
from ccp.training.retrieval_scores import retrieval_scores
from tests.support.toy_training import (
    CLASSES,
    FEATURES,
    STEPS,
    EagerTest,
    Watcher,
    toy_batches,
    toy_model,
    toy_settings,
    toy_trainer,
)

IMAGES = np.random.default_rng(0).normal(size=(CLASSES * 5, FEATURES)).astype(np.float32)
LABELS = np.repeat(np.arange(CLASSES), 5)


def trained_kernel(trainer) -> np.ndarray:
    trainer.fit()
    return trainer.model.layers[-1].kernel.numpy()


class BatchesTest(EagerTest):
    def seen(self, batches, stop_after=None, directory=None):
        """The first number of each batch that the loss sees."""
        seen = []

        def loss(labels, embeddings):
            seen.append(int(labels[0]))
            return tf.reduce_sum(embeddings)

        def should_stop():
            return stop_after is not None and len(seen) >= stop_after

        settings = toy_settings("contrastive", max_epochs=2)
        trainer = toy_trainer(settings, loss=loss, batches=batches, checkpoints=directory, should_stop=should_stop)
        with contextlib.suppress(Interrupted):
            trainer.fit()
        return seen

    def test_a_dataset_is_repeated_and_resumed_by_skipping(self):
        images = tf.zeros([4, 2, FEATURES])
        dataset = tf.data.Dataset.from_tensor_slices((images, [[0, 0], [1, 1], [2, 2], [3, 3]]))
        self.assertEqual(self.seen(dataset), [0, 1, 2, 3, 0, 1])
        directory = self.get_temp_dir()
        self.assertEqual(self.seen(dataset, 2, directory) + self.seen(dataset, None, directory), [0, 1, 2, 3, 0, 1])

    def test_balanced_batches_are_resumed_at_their_step(self):
        batches = ccp.balanced_batches(IMAGES, LABELS, classes=2, per_class=2, steps=4)
        expected = [int(labels[0]) for labels in batches.balanced_batches.from_step(0).map(lambda _, y: y).take(6)]
        directory = self.get_temp_dir()
        self.assertEqual(self.seen(batches, 2, directory) + self.seen(batches, None, directory), expected)

    def test_batches_may_differ_in_size(self):
        def batches(epoch, step):
            for size, (images, labels) in zip(itertools.cycle([8, 5, 7]), toy_batches(epoch, step)):
                yield images[:size], labels[:size]

        sizes = []

        def loss(labels, embeddings):
            sizes.append((len(labels), len(embeddings)))
            return tf.reduce_sum(embeddings)

        toy_trainer(toy_settings("contrastive", max_epochs=2), loss=loss, batches=batches).fit()
        self.assertEqual(sizes, [(8, 8), (5, 5), (7, 7)] * 2)

    def test_a_stranger_s_start(self):
        network = tf.keras.Sequential([tf.keras.layers.Dense(4)])
        loss = ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(CLASSES, 2, 4))
        batches = ccp.balanced_batches(IMAGES, LABELS, classes=3, per_class=2)
        loop = ccp.LoopSettings(max_epochs=2, steps_per_epoch=2)
        validation = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(7)
        trainer = ccp.Trainer(network, loss, batches=batches, validate=validation, loop=loop)
        trainer.fit()
        embeddings = ccp.lipschitz_normalize(network(IMAGES))
        self.assertNear(trainer.progress.best_score, retrieval_scores(embeddings, LABELS)["map_at_r"], 1e-6)

    def test_what_cannot_be(self):
        loop = ccp.LoopSettings(max_epochs=1, steps_per_epoch=1)

        def trainer(loss, labels=LABELS, optimizer="adam"):
            network = tf.keras.Sequential([tf.keras.layers.Dense(4)])
            batches = tf.data.Dataset.from_tensor_slices((IMAGES, labels)).batch(10)
            validation = (IMAGES, LABELS)
            return ccp.Trainer(network, loss, batches, validation, loop=loop, optimizer=optimizer, verbose=False)

        trainer(ccp.TripletLoss()).fit()  # A name is Keras' optimizer.
        with self.assertRaisesRegex(ConfigError, "such as ccp.ContrastiveLoss.*got 'triplet'"):
            trainer("triplet")
        with self.assertRaisesRegex(ConfigError, "must be a Keras optimizer.*got 'adamm'"):
            trainer(ccp.TripletLoss(), optimizer="adamm")
        with self.assertRaisesRegex(ConfigError, r"got \(None, 6\)\. For one-hot labels use dataset.map"):
            trainer(ccp.TripletLoss(), np.eye(CLASSES)[LABELS])
        proxies, memory = ccp.ClassProxies(CLASSES, 1, 5), ccp.CrossBatchMemory(10, 8)
        for loss, kind in (
            (ccp.ReferenceLoss(ccp.TripletLoss(), proxies), "ClassProxies was made with embedding_size=5"),
            (ccp.XBMLoss(ccp.TripletLoss(), memory=memory), "CrossBatchMemory was made with embedding_size=8"),
        ):
            with self.assertRaisesRegex(ConfigError, f"gives 4 dimensions, and {kind}. Make it with embedding_size=4"):
                trainer(loss).fit()


class OptimizerTest(EagerTest):
    def kernel(self, **more):
        return trained_kernel(toy_trainer(toy_settings("proxy/contrastive", max_epochs=2), **more))

    def test_a_keras_optimizer_trains_as_the_settings_that_mean_it(self):
        gradients = ccp.GradientSettings(proxy_rate_multiplier=10.0)
        named = self.kernel(optimizer=ccp.OptimizerSettings(learning_rate=0.02), gradients=gradients)
        given = self.kernel(optimizer=tf.keras.optimizers.Adam(0.02), gradients=gradients)
        self.assertAllClose(given, named, rtol=1e-5, atol=1e-6)

    def test_a_schedule_is_scaled_for_a_group(self):
        schedule = tf.keras.optimizers.schedules.PiecewiseConstantDecay([1], [0.5, 0.0])
        proxies = []
        watcher = Watcher(lambda: proxies.append(trainer.loss.proxies.points.numpy()))
        trainer = toy_trainer(
            toy_settings("proxy/contrastive", max_epochs=1),
            optimizer=tf.keras.optimizers.SGD(schedule),
            gradients=ccp.GradientSettings(proxy_rate_multiplier=4.0, weight_decay=0.0),
            callbacks=[watcher],
        )
        images, labels = next(toy_batches(0, 0))
        with tf.GradientTape() as tape:
            loss = trainer.loss(labels, trainer.model(images, training=True))
        gradient = tape.gradient(loss, trainer.loss.proxies.points)
        trainer.fit()
        # Steps 0 and 1 are at 4 · 0.5, later ones at 0.
        self.assertAllClose(proxies[1] - proxies[0], -2.0 * gradient, atol=1e-5)
        self.assertAllEqual(proxies[2], proxies[3])

    @parameterized.parameters("SGD", "AdamW", "Nadam")
    def test_any_keras_optimizer_trains(self, name):
        start = toy_model().layers[-1].kernel.numpy()
        self.assertNotAllClose(self.kernel(optimizer=getattr(tf.keras.optimizers, name)(0.01)), start)


class CallbacksTest(EagerTest):
    def test_keras_own_callbacks_work_as_they_are(self):
        home = self.get_temp_dir()
        heard = []
        trainer = toy_trainer(
            toy_settings("ccp/contrastive", max_epochs=3),
            [0.5, 0.4, 0.6],
            callbacks=[
                tf.keras.callbacks.TensorBoard(home, histogram_freq=1),
                tf.keras.callbacks.CSVLogger(os.path.join(home, "log.csv")),
                tf.keras.callbacks.LambdaCallback(
                    on_train_begin=lambda logs: heard.append(("begin", logs)),
                    on_epoch_begin=lambda epoch, logs: heard.append(("epoch", epoch)),
                    on_batch_begin=lambda batch, logs: heard.append(("batch", batch)),
                    on_train_end=lambda logs: heard.append(("end",)),
                ),
            ],
        )
        trainer.fit()
        expected = [("begin", {"epoch": 0})]
        for epoch in range(3):
            expected += [("epoch", epoch), *(("batch", step) for step in range(STEPS))]
        self.assertEqual(heard, [*expected, ("end",)])
        with open(os.path.join(home, "log.csv")) as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([float(row["map_at_r"]) for row in rows], [0.5, 0.4, 0.6])
        self.assertEqual([float(row["projections"]) for row in rows], [0, 1, 1])
        (events,) = tf.io.gfile.glob(os.path.join(home, "train", "events*"))
        tags = {value.tag for event in tf.compat.v1.train.summary_iterator(events) for value in event.summary.value}
        self.assertContainsSubset({"epoch_loss", "epoch_map_at_r", "epoch_learning_rate"}, tags)
        self.assertTrue(any("kernel" in tag and tag.endswith("histogram") for tag in tags), tags)

    def test_a_callback_ends_training_after_an_epoch(self):
        directory = self.get_temp_dir()

        def stopping():
            callback = tf.keras.callbacks.EarlyStopping("map_at_r", mode="max", patience=1)
            return toy_trainer(toy_settings(max_epochs=9), [0.5, 0.6, 0.4], callbacks=[callback], checkpoints=directory)

        trainer = stopping()
        self.assertEqual(trainer.fit().epoch, 3)
        again = stopping()
        again.fit()
        self.assertEqual((again.progress.epoch, again.progress.finished), (3, True))
        self.assertAllEqual(again.model.layers[-1].kernel, trainer.model.layers[-1].kernel)

    def test_a_callback_that_waits_for_another_score_is_refused(self):
        stopping = tf.keras.callbacks.EarlyStopping("val_map_at_r", mode="max")
        keeping = tf.keras.callbacks.ModelCheckpoint(
            os.path.join(self.get_temp_dir(), "all.weights.h5"), save_weights_only=True
        )
        trainer = toy_trainer(toy_settings(max_epochs=2), callbacks=[keeping, stopping])
        with self.assertRaisesRegex(ConfigError, "EarlyStopping monitors val_map_at_r, and the logs .*, map_at_r,"):
            trainer.fit()

    def test_a_learning_rate_that_a_callback_sets_is_that_of_all_groups(self):
        lowered = tf.keras.callbacks.LambdaCallback(
            on_epoch_end=lambda epoch, logs: trainer.model.optimizer.learning_rate.assign(0.001)
        )
        gradients = ccp.GradientSettings(proxy_rate_multiplier=10.0)
        settings = toy_settings("proxy/contrastive", max_epochs=2)
        trainer = toy_trainer(settings, callbacks=[lowered], gradients=gradients)
        trainer.fit()
        rates = {name: float(one.learning_rate) for name, one in trainer.optimizer.optimizers.items()}
        self.assertAllClose(rates, {"body": 0.001, "head": 0.001, "proxies": 0.01})
        self.assertNear(trainer.progress.last_logs["learning_rate"], 0.001, 1e-9)

    def test_an_error_ends_callbacks_too(self):
        ended = []
        end = tf.keras.callbacks.LambdaCallback(on_train_end=lambda logs: ended.append(True))
        with self.assertRaises(TrainingError):
            toy_trainer(toy_settings(), callbacks=[end], validate=dict).fit()
        self.assertEqual(ended, [True])


if __name__ == "__main__":
    tf.test.main()
