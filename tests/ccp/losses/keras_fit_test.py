"""Losses in Keras' ``compile``, ``fit``, ``evaluate`` and ``save``: those without variables work, the others refuse."""

import numpy as np
import pytest
import tensorflow as tf

import ccp

# Four classes of eight around corners of a cube, in noise.
LABELS = np.repeat(np.arange(4), 8)
CORNERS = np.random.default_rng(0).normal(size=(4, 6))
FEATURES = (CORNERS[LABELS] + 0.6 * np.random.default_rng(1).normal(size=(32, 6))).astype(np.float32)


def compiled_model(loss, **kwargs):
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential([tf.keras.layers.Input((6,)), tf.keras.layers.Dense(3, use_bias=False)])
    model.compile(tf.keras.optimizers.Adam(0.05), loss=loss, **kwargs)
    return model


def test_the_loss_decreases():
    loss = ccp.ContrastiveLoss()
    model = compiled_model(loss)
    first = float(loss(LABELS, model(FEATURES)))
    history = model.fit(FEATURES, LABELS, batch_size=32, epochs=30, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(history[0], first, rtol=1e-4)  # Keras reports the loss, nothing added or scaled.
    assert history[-1] < 0.9 * first


def test_large_labels_stay_separate_and_the_last_batch_may_be_smaller():
    loss = ccp.ContrastiveLoss(0.0, 1.0)
    model = compiled_model(loss)
    labels = (2**24 + LABELS).astype(np.int32)
    expected = loss(LABELS, model(FEATURES))
    np.testing.assert_allclose(model.evaluate(FEATURES, labels, batch_size=32, verbose=0), expected, rtol=1e-5)
    assert 0 < model.fit(FEATURES, LABELS, batch_size=12, verbose=0).history["loss"][0] < 2


def test_a_saved_model_keeps_its_loss(tmp_path):
    model = compiled_model(ccp.ContrastiveLoss(0.1, 0.7))
    model.train_on_batch(FEATURES, LABELS)
    model.save(tmp_path / "model.keras")
    again = tf.keras.models.load_model(tmp_path / "model.keras")
    assert again.loss.get_config() == model.loss.get_config()
    expected = model.test_on_batch(FEATURES, LABELS)
    np.testing.assert_allclose(again.test_on_batch(FEATURES, LABELS), expected, rtol=1e-6)


def test_refuses_weights_and_float_labels():
    model = compiled_model(ccp.TripletLoss(), run_eagerly=True)
    for weights in ({"sample_weight": np.ones(32)}, {"class_weight": {0: 1.0, 1: 2.0, 2: 1.0, 3: 1.0}}):
        with pytest.raises(ValueError, match="cannot weight examples; leave sample_weight and class_weight out"):
            model.fit(FEATURES, LABELS, verbose=0, **weights)
    with pytest.raises(TypeError, match="Labels must be integers"):
        model.fit(FEATURES, LABELS.astype(np.float32), verbose=0)


WITH_VARIABLES = {
    "CCPLoss": lambda: ccp.CCPLoss(ccp.ContrastiveLoss(), ccp.ClassProxies(4, 2, 3)),
    "XBMLoss": lambda: ccp.XBMLoss(ccp.ContrastiveLoss(), memory=ccp.CrossBatchMemory(64, 3)),
    "MDRLoss": lambda: ccp.MDRLoss(ccp.ContrastiveLoss()),
    "MarginLoss": ccp.MarginLoss,
}


@pytest.mark.parametrize("eagerly", [False, True])
@pytest.mark.parametrize("name", WITH_VARIABLES)
def test_a_loss_with_variables_names_the_model_that_trains_them(name, eagerly):
    model = compiled_model(WITH_VARIABLES[name](), run_eagerly=eagerly)
    message = rf"(?s){name} has variables, which compile and fit.*Use.*ccp\.CCPModel\(network, loss\)"
    with pytest.raises(ValueError, match=message):
        model.fit(FEATURES, LABELS, verbose=0)
    with pytest.raises(ValueError, match=message):
        model.evaluate(FEATURES, LABELS, verbose=0)


def test_a_loss_with_variables_works_in_a_training_loop_by_hand():
    loss = WITH_VARIABLES["MarginLoss"]()

    class Own(tf.keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = tf.keras.layers.Dense(3)

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            images, labels = data
            with tf.GradientTape() as tape:
                value = loss(labels, self(images))
            variables = self.trainable_variables + loss.trainable_variables
            self.optimizer.apply_gradients(zip(tape.gradient(value, variables), variables))
            return {"loss": value}

    model = Own()
    model.compile(tf.keras.optimizers.SGD(0.5))
    before = [variable.numpy() for variable in loss.trainable_variables]
    assert np.isfinite(model.fit(FEATURES, LABELS, verbose=0).history["loss"][0])
    for variable, start in zip(loss.trainable_variables, before):
        assert (variable.numpy() != start).any()
