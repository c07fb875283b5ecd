"""What ``fit`` and ``evaluate`` take as data, and what they refuse."""

from __future__ import annotations

from unittest import mock

import numpy as np
import tensorflow as tf

import ccp
from ccp.errors import ConfigError
from tests.support.fitted_model import (
    CLASSES,
    FEATURES,
    IMAGES,
    LABELS,
    VALIDATION,
    Projections,
    batches,
    compiled,
    fitted,
)
from tests.support.toy_training import EagerTest


class FitDataTest(EagerTest):
    def test_arrays_and_any_dataset_are_trained_with(self):
        images_and_labels = fitted(compiled(), x=IMAGES, y=LABELS, batch_size=8, callbacks=[ccp.ProjectEveryEpochs(1)])
        self.assertLen(images_and_labels["val_map_at_r"], 3)
        dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).shuffle(32).batch(8)
        validation = tf.data.Dataset.from_tensor_slices(VALIDATION).batch(5)
        fitted(compiled(), x=dataset, validation_data=validation, callbacks=[ccp.ProjectEveryEpochs(1)])

    def test_candidates_are_not_of_images_that_are_held_out(self):
        images = np.where(np.arange(len(IMAGES)) < 24, 1.0, 2.0)[:, np.newaxis] * np.ones_like(IMAGES)
        loss, seen = ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(2, 2, FEATURES)), Projections()
        model = ccp.CCPModel(tf.keras.Sequential([tf.keras.layers.Activation("linear")]), loss)
        model.compile()
        labels = np.arange(len(images)) % 2
        model.fit(images, labels, callbacks=seen, validation_split=0.25, verbose=0)  # Keras takes one callback too.
        self.assertAllEqual(seen.proxies[0], np.ones([2, 2, FEATURES]))

    def test_initial_epoch_is_the_epoch_of_the_batches(self):
        seen = []
        model = compiled(ccp.TripletLoss(0.2))

        def keep(batch):
            tf.py_function(seen.append, [batch[0]], [])
            return {"loss": tf.constant(0.0)}

        with mock.patch.object(model, "train_step", keep):
            fitted(model, epochs=3, initial_epoch=2, validation_data=None)
            fitted(model, epochs=2, initial_epoch=1, steps_per_epoch=2, validation_data=None)
        source = batches().balanced_batches
        expected = [images for start, count in ((10, 5), (2, 2)) for images, _ in source.from_step(start).take(count)]
        self.assertAllEqual(seen, expected)

    def test_weights_and_lists_are_refused(self):
        model = compiled()
        for call in (model.fit, model.evaluate):
            with self.assertRaisesRegex(ValueError, "leave sample_weight out"):
                call(IMAGES, LABELS, sample_weight=np.ones(32))
        with self.assertRaisesRegex(ValueError, "leave class_weight out"):
            model.fit(IMAGES, LABELS, class_weight={0: 2.0})
        weighted = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS, np.ones(32))).batch(8)
        for call in (model.fit, model.evaluate):
            with self.assertRaisesRegex(ConfigError, r"needs batches of \(images, labels\), without sample weights"):
                call(weighted)
        with self.assertRaisesRegex(TypeError, "needs a tf.data.Dataset, or images and labels; got list"):
            model.fit([1.0])

    def test_one_hot_labels(self):
        one_hot = np.eye(CLASSES)[LABELS]
        for labels in (one_hot, one_hot.astype(int)):
            with self.assertRaisesRegex(ConfigError, r"got \(32, 4\)\. For one-hot labels pass labels.argmax"):
                compiled().fit(IMAGES, labels)
            dataset = tf.data.Dataset.from_tensor_slices((IMAGES, labels)).batch(8)
            for call in (compiled().fit, compiled().evaluate):
                with self.assertRaisesRegex(ConfigError, r"got \(None, 4\)\. For one-hot labels use dataset.map"):
                    call(dataset)


if __name__ == "__main__":
    tf.test.main()
