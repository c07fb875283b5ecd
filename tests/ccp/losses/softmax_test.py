"""The classifier against Keras' own layers and losses."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from tests.support import loss_cases

SAMPLE = loss_cases.sample([2, 0, 1, 0, 3])


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_is_a_dense_layer_with_cross_entropy(smoothing):
    loss = ccp.SoftmaxLoss(num_classes=4, embedding_size=4, label_smoothing=smoothing, seed=7)
    loss.classifier.bias.assign([0.3, -0.2, 0.5, 0.1])
    embeddings = tf.constant(3.0 * SAMPLE.embeddings)  # Longer than 1: nothing is normalised.
    with tf.GradientTape() as tape:
        tape.watch(embeddings)
        value = loss(SAMPLE.labels, embeddings)
    logits = embeddings @ tf.convert_to_tensor(loss.classifier.kernel) + tf.convert_to_tensor(loss.classifier.bias)
    usual = tf.keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
    np.testing.assert_allclose(value, usual(tf.one_hot(SAMPLE.labels, 4), logits), rtol=1e-6)
    # The gradient of a logit is its share minus its target, over the batch.
    target = (1 - smoothing) * np.eye(4)[SAMPLE.labels] + smoothing / 4
    to_logits = (tf.nn.softmax(logits) - target) / 5
    to_embeddings, to_kernel, to_bias = tape.gradient(value, [embeddings, *loss.trainable_variables])
    kernel = tf.convert_to_tensor(loss.classifier.kernel)
    np.testing.assert_allclose(to_embeddings, to_logits @ tf.transpose(kernel), atol=1e-6)
    np.testing.assert_allclose(to_kernel, tf.transpose(embeddings) @ to_logits, atol=1e-6)
    np.testing.assert_allclose(to_bias, tf.reduce_sum(to_logits, axis=0), atol=1e-6)


def test_value_by_hand():
    loss = ccp.SoftmaxLoss(2, 1)
    loss.classifier.kernel.assign([[1.0, -1.0]])
    # Logits (1, −1) and (−2, 2) of classes 0 and 0: log(1 + e⁻²) and log(1 + e⁴).
    expected = (np.log1p(np.exp(-2)) + np.log1p(np.exp(4))) / 2
    np.testing.assert_allclose(loss([0, 0], [[1.0], [-2.0]]), expected, rtol=1e-6)


def test_starts_by_its_seed():
    kernels = [ccp.SoftmaxLoss(4, 3, seed=seed).classifier.kernel.numpy() for seed in (1, 1, 2)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).all()


def test_other_labels_and_references_are_refused():
    loss = ccp.SoftmaxLoss(3, 4)
    with pytest.raises(tf.errors.InvalidArgumentError, match="3 classes, for the labels 0 to 2"):
        loss(SAMPLE.labels, SAMPLE.embeddings)
    with pytest.raises(TypeError, match="A classifier needs numbered classes; got string"):
        loss(SAMPLE.labels.astype(str), SAMPLE.embeddings)
    with pytest.raises(ValueError, match="classifies and takes no references"):
        loss.against(*SAMPLE.arguments("against"))
    with pytest.raises(ValueError, match="num_classes must be at least 1; got 0"):
        ccp.SoftmaxLoss(0, 4)
