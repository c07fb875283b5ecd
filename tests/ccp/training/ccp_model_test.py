"""A network with its loss as a Keras model: compiled, trained, scored, saved."""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import ccp
from ccp.errors import ConfigError
from ccp.training.retrieval_scores import retrieval_scores
from tests.support.fitted_model import (
    CLASSES,
    IMAGES,
    SIZE,
    VALIDATION,
    Projections,
    batches,
    ccp_loss,
    compiled,
    fitted,
    network,
)
from tests.support.toy_training import EagerTest


class FitTest(parameterized.TestCase, tf.test.TestCase):
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
        history = fitted(model, epochs=4)
        self.assertLess(history["loss"][-1], history["loss"][0])
        for variable, old in zip(learned, before):
            self.assertNotAllClose(variable, old)

    def test_scores_are_of_the_whole_normalised_set(self):
        model = compiled(ccp.TripletLoss(0.2))
        history = fitted(model, epochs=1)
        scores = model.evaluate(*VALIDATION, batch_size=7, return_dict=True)
        embeddings = ccp.lipschitz_normalize(model.predict(VALIDATION[0], verbose=0))
        for name, value in retrieval_scores(embeddings, VALIDATION[1]).items():
            self.assertNear(scores[name], value, 1e-6)
            self.assertNear(history[f"val_{name}"][-1], value, 1e-6)

    def test_keras_own_callbacks(self):
        home = self.get_temp_dir()
        own = [tf.keras.callbacks.TensorBoard(home), tf.keras.callbacks.CSVLogger(os.path.join(home, "log.csv"))]
        stopping = tf.keras.callbacks.EarlyStopping("val_map_at_r", mode="max", patience=1)
        history = fitted(compiled(rate=1e-9), epochs=9, callbacks=[*own, ccp.ProjectOnPlateau(patience=9), stopping])
        self.assertLen(history["loss"], 2)
        with open(os.path.join(home, "log.csv")) as file:
            self.assertEqual(file.readline().strip(), "epoch,loss,val_map_at_r,val_precision_at_1,val_r_precision")
        self.assertCountEqual([name for name in os.listdir(home) if name != "log.csv"], ["train", "validation"])


class RefusalTest(EagerTest):
    def test_compiled_with_another_loss_or_not_at_all(self):
        with self.assertRaisesRegex(ValueError, "CCPModel has its loss and its metrics; leave out loss"):
            compiled().compile("adam", loss="mse")
        with self.assertRaisesRegex(RuntimeError, "Call compile"):
            ccp.CCPModel(network(), ccp_loss()).fit(batches(), callbacks=[ccp.ProjectEveryEpochs(1)])

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
