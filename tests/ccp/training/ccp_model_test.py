"""``compile`` and ``fit``: the trainer's step, scores, projections, saving."""

from __future__ import annotations

import contextlib
import io
import os
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import ccp
from ccp.errors import ConfigError
from ccp.training.retrieval_scores import retrieval_scores
from tests.support.toy_training import EagerTest

CLASSES, FEATURES, SIZE = 4, 6, 3
CENTERS = np.random.default_rng(0).normal(size=(2 * CLASSES, FEATURES))


def data(first: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images of four classes, from ``first`` on, in noise."""
    labels = np.repeat(np.arange(CLASSES), 8)
    noise = 0.7 * np.random.default_rng(seed).normal(size=(len(labels), FEATURES))
    return (CENTERS[labels + first] + noise).astype(np.float32), labels


TRAINING, VALIDATION = data(0, 1), data(CLASSES, 2)
IMAGES, LABELS = TRAINING


def network() -> tf.keras.Model:
    """Not built: without an input layer."""
    tf.keras.utils.set_random_seed(0)
    layers = [tf.keras.layers.BatchNormalization(), tf.keras.layers.Dense(SIZE, kernel_regularizer="l2")]
    return tf.keras.Sequential(layers)


def ccp_loss() -> ccp.CCPLoss:
    return ccp.CCPLoss(ccp.ContrastiveLoss(0.0, 0.8), ccp.ClassProxies(CLASSES, 2, SIZE))


def batches(**more) -> tf.data.Dataset:
    return ccp.balanced_batches(IMAGES, LABELS, **{"classes": 2, "per_class": 3, "seed": 5, **more})


def compiled(loss=None, rate=0.01, **more) -> ccp.CCPModel:
    model = ccp.CCPModel(network(), loss or ccp_loss())
    model.compile(tf.keras.optimizers.Adam(rate), **more)
    return model


class Projections(tf.keras.callbacks.Callback):
    """Keeps the projections that it is notified of, and the proxies before each epoch."""

    def __init__(self):
        super().__init__()
        self.seen, self.proxies = [], []

    def on_projection(self, projection):
        self.seen.append(projection)

    def on_epoch_begin(self, epoch, logs=None):
        self.proxies.append(self.model.training_loss.proxies.points.numpy())


class FitTest(parameterized.TestCase, tf.test.TestCase):
    def fit(self, model, epochs=3, x=None, callbacks=(), **more):
        x = batches() if x is None else x
        more = {"validation_data": VALIDATION, "verbose": 0, **more}
        return model.fit(x, epochs=epochs, callbacks=list(callbacks), **more).history

    def eagerly(self, eagerly=True):
        """For what does not depend on the graph: tracing takes longer than these steps."""
        tf.config.run_functions_eagerly(eagerly)
        self.addCleanup(tf.config.run_functions_eagerly, False)

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
        self.eagerly(eagerly)
        gradients = ccp.GradientSettings(weight_decay=0.01, clip_norm=1.0, proxy_rate_multiplier=10.0)
        model, seen = compiled(gradients=gradients), Projections()
        history = self.fit(model, epochs=6, callbacks=[projecting, seen])
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

    @parameterized.parameters(
        lambda: ccp.TripletLoss(0.2),
        lambda: ccp.XBMLoss(ccp.ContrastiveLoss(), memory=ccp.CrossBatchMemory(12, SIZE)),
        lambda: ccp.MarginLoss(num_classes=CLASSES),
        lambda: ccp.SumOfLosses([ccp.MarginLoss(num_classes=CLASSES), ccp.SoftmaxLoss(CLASSES, SIZE)]),
        lambda: lambda labels, embeddings: tf.reduce_mean(tf.square(embeddings)),
    )
    def test_any_loss_is_trained_with_its_variables(self, loss):
        model = compiled(loss(), rate=0.1)
        learned = [variable for layer in model.loss_layers for variable in layer.trainable_variables]
        before = [variable.numpy() for variable in learned]
        history = self.fit(model, epochs=4)
        self.assertLess(history["loss"][-1], history["loss"][0])
        for variable, old in zip(learned, before):
            self.assertNotAllClose(variable, old)

    def test_staleness_counts_each_of_several_steps_at_once_and_the_rate_that_a_callback_sets(self):
        model = ccp.CCPModel(network(), ccp_loss())
        model.compile(tf.keras.optimizers.Adam(0.01), steps_per_execution=2)
        rates = tf.keras.callbacks.LearningRateScheduler(lambda epoch: 0.01 if epoch < 2 else 0.02)
        seen = Projections()
        # 5 steps an epoch in 2 + 2 + 1. With the rate that the callback sets: 0.05, 0.05, 0.1; 0.1, 0.1; 0.1.
        self.fit(model, epochs=6, callbacks=[rates, ccp.ProjectOnStaleness(0.2), seen])
        self.assertEqual([projection.index for projection in seen.seen], [0, 1, 2])

    def test_arrays_and_any_dataset_are_trained_with(self):
        images_and_labels = self.fit(
            compiled(), x=IMAGES, y=LABELS, batch_size=8, callbacks=[ccp.ProjectEveryEpochs(1)]
        )
        self.assertLen(images_and_labels["val_map_at_r"], 3)
        dataset = tf.data.Dataset.from_tensor_slices(TRAINING).shuffle(32).batch(8)
        validation = tf.data.Dataset.from_tensor_slices(VALIDATION).batch(5)
        self.fit(compiled(), x=dataset, validation_data=validation, callbacks=[ccp.ProjectEveryEpochs(1)])

    def test_candidates_are_not_of_images_that_are_held_out(self):
        images = np.where(np.arange(len(IMAGES)) < 24, 1.0, 2.0)[:, np.newaxis] * np.ones_like(IMAGES)
        loss, seen = ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(2, 2, FEATURES)), Projections()
        model = ccp.CCPModel(tf.keras.Sequential([tf.keras.layers.Activation("linear")]), loss)
        model.compile()
        labels = np.arange(len(images)) % 2
        model.fit(images, labels, callbacks=seen, validation_split=0.25, verbose=0)  # Keras takes one callback too.
        self.assertAllEqual(seen.proxies[0], np.ones([2, 2, FEATURES]))

    @parameterized.parameters(0, 2)
    def test_a_line_for_each_projection_if_verbose(self, verbose):
        self.eagerly()
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.fit(compiled(), callbacks=[ccp.ProjectEveryEpochs(1, proximal_weight=0.5)], verbose=verbose)
        lines = [line for line in printed.getvalue().splitlines() if line.startswith("Projection")]
        expected = [f"Projection {t}: new proxies from training images, proximal weight 0.5" for t in (1, 2)]
        self.assertEqual(lines, expected if verbose else [])

    def test_initial_epoch_is_the_epoch_of_the_batches(self):
        seen = []
        model = compiled(ccp.TripletLoss(0.2))

        def keep(batch):
            tf.py_function(seen.append, [batch[0]], [])
            return {"loss": tf.constant(0.0)}

        with mock.patch.object(model, "train_step", keep):
            self.fit(model, epochs=3, initial_epoch=2, validation_data=None)
            self.fit(model, epochs=2, initial_epoch=1, steps_per_epoch=2, validation_data=None)
        source = batches().balanced_batches
        expected = [images for start, count in ((10, 5), (2, 2)) for images, _ in source.from_step(start).take(count)]
        self.assertAllEqual(seen, expected)

    def test_the_proxies_start_once_and_without_a_projecting_callback_a_warning_is_logged_once(self):
        self.eagerly()
        model, seen = compiled(), Projections()
        with self.assertLogs("ccp", "WARNING") as logs:
            self.fit(model, epochs=1, callbacks=[seen])
            self.fit(model, epochs=1, callbacks=[seen])
        self.assertLen(logs.output, 1)
        self.assertIn("Pass ccp.ProjectOnPlateau() or ccp.ProjectEveryEpochs(n)", logs.output[0])
        self.assertEqual([projection.index for projection in seen.seen], [0])
        self.assertAllEqual(seen.proxies[0], seen.seen[0].proxies)
        self.fit(model, epochs=2, callbacks=[ccp.ProjectEveryEpochs(1), seen])
        self.fit(model, epochs=2, callbacks=[ccp.ProjectEveryEpochs(1, proximal_decay=0.5), seen])
        self.assertEqual([projection.index for projection in seen.seen], [0, 1, 2])
        self.assertNear(seen.seen[-1].proximal_weight, 2e-4 * 0.5**2, 1e-10)

    def test_the_learning_rate_that_callbacks_set_counts_for_all(self):
        self.eagerly()
        model, seen = compiled(gradients=ccp.GradientSettings(proxy_rate_multiplier=10.0)), Projections()
        nothing = tf.keras.callbacks.LearningRateScheduler(lambda epoch: 0.0)
        self.fit(model, callbacks=[nothing, ccp.ProjectEveryEpochs(9), seen])
        self.assertAllEqual(seen.proxies[1], seen.proxies[2])

    def test_scores_are_of_the_whole_normalised_set(self):
        model = compiled(ccp.TripletLoss(0.2))
        history = self.fit(model, epochs=1)
        scores = model.evaluate(*VALIDATION, batch_size=7, return_dict=True)
        embeddings = ccp.lipschitz_normalize(model.predict(VALIDATION[0], verbose=0))
        for name, value in retrieval_scores(embeddings, VALIDATION[1]).items():
            self.assertNear(scores[name], value, 1e-6)
            self.assertNear(history[f"val_{name}"][-1], value, 1e-6)

    def test_keras_own_callbacks(self):
        home = self.get_temp_dir()
        own = [tf.keras.callbacks.TensorBoard(home), tf.keras.callbacks.CSVLogger(os.path.join(home, "log.csv"))]
        stopping = tf.keras.callbacks.EarlyStopping("val_map_at_r", mode="max", patience=1)
        history = self.fit(compiled(rate=1e-9), epochs=9, callbacks=[*own, ccp.ProjectOnPlateau(patience=9), stopping])
        self.assertLen(history["loss"], 2)
        with open(os.path.join(home, "log.csv")) as file:
            self.assertEqual(file.readline().strip(), "epoch,loss,val_map_at_r,val_precision_at_1,val_r_precision")
        self.assertCountEqual([name for name in os.listdir(home) if name != "log.csv"], ["train", "validation"])


class RefusalTest(EagerTest):
    def test_what_cannot_be(self):
        model = compiled()
        with self.assertRaisesRegex(ValueError, "CCPModel has its loss and its metrics; leave out loss"):
            model.compile("adam", loss="mse")
        with self.assertRaisesRegex(ValueError, "leave sample_weight out"):
            model.fit(IMAGES, LABELS, sample_weight=np.ones(32))
        with self.assertRaisesRegex(ValueError, "leave sample_weight out"):
            model.evaluate(IMAGES, LABELS, sample_weight=np.ones(32))
        weighted = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS, np.ones(32))).batch(8)
        for call in (lambda: model.fit(weighted), lambda: model.evaluate(weighted)):
            with self.assertRaisesRegex(ConfigError, r"needs batches of \(images, labels\), without sample weights"):
                call()
        with self.assertRaisesRegex(TypeError, "needs a tf.data.Dataset, or images and labels; got list"):
            model.fit([1.0])
        with self.assertRaisesRegex(RuntimeError, "Call compile"):
            ccp.CCPModel(network(), ccp_loss()).fit(batches(), callbacks=[ccp.ProjectEveryEpochs(1)])
        with self.assertRaisesRegex(ValueError, "monitors val_map_at_r, and the logs hold loss. Pass validation_data"):
            ccp.ProjectOnPlateau().on_epoch_end(0, {"loss": 1.0})
        with self.assertRaisesRegex(ConfigError, "for the labels 0 to 2"):
            few = ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(3, 2, SIZE))
            compiled(few).fit(batches(), callbacks=[ccp.ProjectEveryEpochs(1)], verbose=0)
        with self.assertRaisesRegex(ValueError, "needs a ccp.CCPModel with a CCPLoss.* got CCPModel with TripletLoss"):
            compiled(ccp.TripletLoss()).fit(batches(), callbacks=[ccp.ProjectEveryEpochs(1)], verbose=0)

    def test_a_loss_or_an_optimizer_that_is_none(self):
        for loss, given in (
            ("contrastive", "'contrastive'"),
            (ccp.TripletLoss, "the class TripletLoss"),
            (None, "None"),
        ):
            with self.assertRaisesRegex(ConfigError, f"such as ccp.ContrastiveLoss.*got {given}"):
                ccp.CCPModel(network(), loss)
        for optimizer in ("adamm", tf.keras.optimizers.Adam, 0.01, ccp.OptimizerSettings()):
            with self.assertRaisesRegex(ConfigError, "a Keras optimizer, such as .*, or the name of one; got "):
                ccp.CCPModel(network(), ccp_loss()).compile(optimizer)

    def test_one_hot_labels(self):
        one_hot = np.eye(CLASSES)[LABELS]
        for labels in (one_hot, one_hot.astype(int)):
            with self.assertRaisesRegex(ConfigError, r"got \(32, 4\)\. For one-hot labels pass labels.argmax"):
                compiled().fit(IMAGES, labels)
            dataset = tf.data.Dataset.from_tensor_slices((IMAGES, labels)).batch(8)
            for call in (compiled().fit, compiled().evaluate):
                with self.assertRaisesRegex(ConfigError, r"got \(None, 4\)\. For one-hot labels use dataset.map"):
                    call(dataset)

    def test_proxies_of_another_size(self):
        loss = ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(CLASSES, 2, SIZE + 1))
        with self.assertRaisesRegex(ConfigError, "gives 3 dimensions, and ClassProxies was made with embedding_size=4"):
            compiled(loss).fit(batches(), callbacks=[ccp.ProjectEveryEpochs(1)], verbose=0)


class SavingTest(EagerTest):
    def test_saved_and_loaded_it_embeds_the_same_and_trains_on(self):
        model = compiled(gradients=ccp.GradientSettings(weight_decay=0.5))
        model.fit(batches(), epochs=2, callbacks=[ccp.ProjectEveryEpochs(1, monitor="loss")], verbose=0)
        path = os.path.join(self.get_temp_dir(), "model.keras")
        model.save(path)
        again = tf.keras.models.load_model(path)
        self.assertAllEqual(again.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
        self.assertAllEqual(again.training_loss.proxies.points, model.training_loss.proxies.points)
        self.assertEqual(again._gradients.weight_decay, 0.5)
        self.assertNear(float(again.optimizer.learning_rate), 0.01, 1e-8)
        seen = Projections()
        again.fit(batches(), epochs=1, callbacks=[ccp.ProjectEveryEpochs(1, monitor="loss"), seen], verbose=0)
        self.assertEmpty(seen.seen)  # The proxies do not start again.

    def test_a_sum_is_saved_logged_and_projected(self):
        two = [ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(CLASSES, proxies, SIZE)) for proxies in (2, 3)]
        model = compiled(ccp.SumOfLosses([*two, ccp.SoftmaxLoss(CLASSES, SIZE)], [1.0, 2.0, 0.5]))
        seen = Projections()
        seen.on_epoch_begin = lambda epoch, logs=None: None
        callbacks = [ccp.ProjectEveryEpochs(1, monitor="loss"), seen]
        history = model.fit(batches(), epochs=2, callbacks=callbacks, verbose=0).history
        terms = np.array([history[f"loss/{name}"] for name in ("ccp@1", "ccp@2", "softmax")])
        penalties = np.array(history["loss"]) - [1.0, 2.0, 0.5] @ terms  # The network's own: the same in kind.
        self.assertAllGreater(penalties, 0.0)
        self.assertAllLess(penalties, 0.1)
        self.assertEqual([projection.proxies.shape for projection in seen.seen], [(CLASSES, 5, SIZE)] * 2)
        path = os.path.join(self.get_temp_dir(), "model.keras")
        model.save(path)
        again = tf.keras.models.load_model(path)
        self.assertEqual(again.training_loss.get_config(), model.training_loss.get_config())
        for ours, theirs in zip(again.loss_layers, model.loss_layers):
            for one, other in zip(ours.get_weights(), theirs.get_weights()):
                self.assertAllEqual(one, other)

    def test_weights(self):
        path = os.path.join(self.get_temp_dir(), "model.weights.h5")
        model, other = compiled(), compiled()
        for one in (model, other):
            one(IMAGES)
        model.training_loss.proxies.points.assign_add(tf.ones([CLASSES, 2, SIZE]))
        model.save_weights(path)
        other.load_weights(path)
        for ours, theirs in zip(other.get_weights(), model.get_weights()):
            self.assertAllEqual(ours, theirs)


if __name__ == "__main__":
    tf.test.main()
