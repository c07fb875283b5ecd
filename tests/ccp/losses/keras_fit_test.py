"""Pair losses in ``model.compile`` and ``fit``."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import ContrastiveLoss, TripletLoss
from tests.support import loss_cases

# Four classes of eight around corners of a cube, in noise.
LABELS = np.repeat(np.arange(4), 8)
CORNERS = np.random.default_rng(0).normal(size=(4, 6))
FEATURES = (CORNERS[LABELS] + 0.6 * np.random.default_rng(1).normal(size=(32, 6))).astype(np.float32)


def model_with(loss, **kwargs):
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential([tf.keras.layers.Input((6,)), tf.keras.layers.Dense(3, use_bias=False)])
    model.compile(tf.keras.optimizers.Adam(0.05), loss=loss, **kwargs)
    return model


class FitTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*loss_cases.NAMES)
    def test_the_loss_goes_down(self, name):
        loss = loss_cases.build(name)
        model = model_with(loss)
        first = float(loss(LABELS, model(FEATURES)))
        history = model.fit(FEATURES, LABELS, batch_size=32, epochs=30, verbose=0, shuffle=False).history["loss"]
        self.assertAllClose(history[0], first, rtol=1e-4)  # What Keras reports is the loss, nothing added or scaled.
        self.assertLess(history[-1], 0.9 * first)

    def test_large_labels_stay_apart(self):
        loss = ContrastiveLoss(0.0, 1.0)
        model = model_with(loss)
        labels = (2**24 + LABELS).astype(np.int32)
        expected = loss(LABELS, model(FEATURES))
        self.assertAllClose(model.evaluate(FEATURES, labels, batch_size=32, verbose=0), expected, rtol=1e-5)

    def test_a_smaller_last_batch(self):
        model = model_with(TripletLoss())
        history = model.fit(FEATURES, LABELS, batch_size=12, epochs=1, verbose=0).history
        self.assertAllInRange(history["loss"], 0.0, 2.1)

    def test_refuses_what_cannot_be_weighted(self):
        model = model_with(TripletLoss(), run_eagerly=True)
        with self.assertRaisesRegex(ValueError, "cannot weight examples; leave sample_weight and class_weight out"):
            model.fit(FEATURES, LABELS, sample_weight=np.ones(32), verbose=0)
        with self.assertRaisesRegex(ValueError, "cannot weight examples; leave sample_weight and class_weight out"):
            model.fit(FEATURES, LABELS, class_weight={0: 1.0, 1: 2.0, 2: 1.0, 3: 1.0}, verbose=0)

    def test_refuses_float_labels(self):
        with self.assertRaisesRegex(TypeError, "Labels must be integers"):
            model_with(TripletLoss(), run_eagerly=True).fit(FEATURES, LABELS.astype(np.float32), verbose=0)
