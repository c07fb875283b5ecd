"""Two passes by chunks give the gradient of one."""

import functools

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.errors import ConfigError
from ccp.training.network_passes import check_two_passes, one_pass, two_passes
from ccp.training.training_step import TrainingStep
from tests.support.toy_training import toy_batches, toy_model

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.normal(size=(8, 6, 6, 2)).astype(np.float32)
LABELS = np.arange(8) // 2


def network(**of_norm):
    tf.keras.utils.set_random_seed(0)
    regularizer = tf.keras.regularizers.L2(0.1)
    layers = [
        tf.keras.Input((6, 6, 2)),
        tf.keras.layers.Conv2D(5, 3, activation="relu", activity_regularizer=tf.keras.regularizers.L2(0.2)),
        tf.keras.layers.BatchNormalization(**of_norm),
        tf.keras.layers.GlobalAveragePooling2D(),
        tf.keras.layers.Dense(3, kernel_regularizer=regularizer),
    ]
    return tf.keras.Sequential(layers)


def step_of(model, chunks, jit_compile=False, loss=None):
    settings = ccp.GradientSettings(gradient_chunks=chunks)
    loss = loss or ccp.ContrastiveLoss()
    return TrainingStep(model, loss, tf.keras.optimizers.SGD(0.1), settings, jit_compile=jit_compile)


@functools.cache
def stepped(chunks, jit_compile=False, call=0):
    """Loss, gradient norm, weights and memory after a step, with frozen batch norm."""
    model, memory = network(trainable=False), ccp.CrossBatchMemory(10, 3)
    loss = ccp.XBMLoss(ccp.ContrastiveLoss(), memory=memory)
    value, norm, *_ = step_of(model, chunks, jit_compile, loss)(tf.constant(IMAGES), tf.constant(LABELS))
    return [value.numpy(), norm.numpy(), *model.get_weights(), *memory.get_weights()]


@pytest.mark.parametrize(("chunks", "jit_compile"), [(3, False), (4, True)])
def test_a_step_is_that_of_one_pass(chunks, jit_compile):
    for value, expected in zip(stepped(chunks, jit_compile), stepped(1)):
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    assert (stepped(1)[2] != network().get_weights()[0]).any()


def test_a_step_is_the_same_again():
    for value, again in zip(stepped(3), stepped(3, call=1)):
        np.testing.assert_array_equal(value, again)


def test_trained_batch_norm_sees_a_chunk_at_a_time():
    model, by_hand = network(momentum=0.5), network(momentum=0.5)
    expected = tf.concat([by_hand(IMAGES[:4], training=True), by_hand(IMAGES[4:], training=True)], axis=0)

    @tf.function
    def both_passes(images):
        embeddings, back = two_passes(model, images, model.trainable_variables, True, 1.0, 2)
        back(tf.ones_like(embeddings), 1.0)
        return embeddings

    np.testing.assert_allclose(both_passes(tf.constant(IMAGES)), expected, rtol=1e-5, atol=1e-6)
    for value, once in zip(model.layers[1].get_weights(), by_hand.layers[1].get_weights()):
        np.testing.assert_allclose(value, once, rtol=1e-5)


def test_batches_of_any_size():
    model = network(trainable=False)

    @tf.function(input_signature=[tf.TensorSpec([None, 6, 6, 2])])
    def both(images):
        results = []
        for embeddings, back in (
            one_pass(model, images, model.trainable_variables, True, 1.0),
            two_passes(model, images, model.trainable_variables, True, 1.0, 3),
        ):
            gradients, losses = back(tf.square(embeddings), 2.0)
            results.append([embeddings, *gradients, *losses])
        return results

    for rows in (1, 5, 8):
        for expected, value in zip(*both(tf.constant(IMAGES[:rows]))):
            np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)


def test_half_precision_is_that_of_one_pass():
    results = []
    for chunks in (1, 4):
        model = toy_model("float16")
        model.layers[0].trainable = False
        loss, norm, *_ = step_of(model, chunks)(*next(toy_batches(0, 0)))
        results.append([loss.numpy(), norm.numpy(), *model.get_weights()])
    for value, expected in zip(*results):
        np.testing.assert_allclose(value, expected, rtol=5e-3, atol=1e-3)


def test_layers_that_draw_are_refused():
    def with_dropout(rate):
        inputs = tf.keras.Input((4,))
        return tf.keras.Model(inputs, tf.keras.layers.Dropout(rate, name="drops")(tf.keras.layers.Dense(2)(inputs)))

    with pytest.raises(ConfigError, match="embeds each image twice, and drops would"):
        step_of(with_dropout(0.5), 2)
    step_of(with_dropout(0.5), 1)
    step_of(with_dropout(0.0), 2)


def test_trained_batch_norm_is_refused_on_several_devices():
    with pytest.raises(ConfigError, match=r"images of several devices. Freeze them \(freeze_bn\)"):
        check_two_passes(network(), num_replicas=2)
    check_two_passes(network(), num_replicas=1)
    check_two_passes(network(trainable=False), num_replicas=2)
