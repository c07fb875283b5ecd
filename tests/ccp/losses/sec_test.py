"""The spherical embedding constraint."""

import json

import numpy as np
import pytest
import tensorflow as tf

import ccp
from tests.support import finite_differences, loss_cases

LABELS = [0, 0, 1]
# Lengths 5, 1 and 0: mean 2, squared deviations 9, 1 and 4.
EMBEDDINGS = np.array([[3.0, 4.0], [0.0, -1.0], [0.0, 0.0]], np.float32)


def test_by_hand():
    value, gradient = loss_cases.value_and_gradients(ccp.SphericalConstraintLoss(), LABELS, EMBEDDINGS)
    np.testing.assert_allclose(value, 14 / 3, rtol=1e-6)
    # 2/3 · (length − mean) along each vector's direction; the zero vector has none.
    np.testing.assert_allclose(gradient, [[2 * 0.6, 2 * 0.8], [0, 2 / 3], [0, 0]], rtol=1e-6)


def test_gradient_holds_the_mean():
    points = loss_cases.sample([0] * 6, seed=3).embeddings
    mean = np.linalg.norm(points, axis=1).mean()

    def around_the_mean(vectors):
        return np.mean((np.linalg.norm(vectors, axis=1) - mean) ** 2)

    _, gradient = loss_cases.value_and_gradients(ccp.SphericalConstraintLoss(), [0] * 6, points)
    np.testing.assert_allclose(gradient, finite_differences.gradient(around_the_mean, points), rtol=1e-4, atol=1e-6)


def test_running_mean():
    loss = ccp.SphericalConstraintLoss(length_momentum=0.25)
    # Means 2 and 6, then 0.25 · 6 + 0.75 · 2 = 3: deviations 12, 0 and −3.
    np.testing.assert_allclose(loss(LABELS, EMBEDDINGS), 14 / 3, rtol=1e-6)
    np.testing.assert_allclose(loss(LABELS, 3 * EMBEDDINGS), (144 + 0 + 9) / 3, rtol=1e-6)
    again = tf.keras.losses.deserialize(json.loads(json.dumps(tf.keras.losses.serialize(loss))))
    assert again.get_config() == loss.get_config()
    np.testing.assert_allclose(again(LABELS, 3 * EMBEDDINGS), 42, rtol=1e-6)  # Its mean starts anew.


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("embeddings", [np.zeros((4, 3)), np.ones((1, 3)), 1e-20 * np.eye(3), 1000 * np.ones((2, 3))])
def test_equal_lengths_cost_nothing(embeddings, dtype):
    embeddings = tf.cast(embeddings, dtype)
    value, gradient = loss_cases.value_and_gradients(ccp.SphericalConstraintLoss(), [0] * len(embeddings), embeddings)
    assert (value.dtype, gradient.dtype) == (tf.float32, embeddings.dtype)
    np.testing.assert_allclose(value, 0, atol=1e-6)
    np.testing.assert_allclose(tf.cast(gradient, tf.float32), np.zeros(embeddings.shape), atol=1e-3)


def test_a_few_steps_even_out_the_lengths():
    points, loss = tf.Variable(loss_cases.sample([0] * 8, seed=1).embeddings), ccp.SphericalConstraintLoss()
    values = []
    for _ in range(10):
        with tf.GradientTape() as tape:
            values.append(loss([0] * 8, points))
        points.assign_sub(tape.gradient(values[-1], points))
    assert values[-1] < 0.5 * values[0]
