"""Non-isotropy regularisation and its flow, against their authors' code and by their invariants."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from ccp.methods.nir import _exp
from ccp.methods.normalizing_flow import ConditionalFlow
from tests.support import finite_differences, loss_cases, recorded


def recorded_flow():
    values = {name.partition("/")[2]: value for name, value in recorded.cited().items() if name.startswith("nir/")}
    flow = ConditionalFlow(4, blocks=2, depth=3, width=5)
    for number, variable in enumerate(flow.weights, 1):
        variable.assign(values[f"weight_{number}"])
    return flow, values


def test_recorded_values():
    flow, values = recorded_flow()
    embeddings, conditions = tf.constant(values["embeddings"]), tf.constant(values["conditions"])
    with tf.GradientTape() as tape:
        tape.watch((embeddings, conditions))
        residuals, log_det = flow.transform(embeddings, conditions)
        loss = tf.reduce_mean(_exp(tf.reduce_sum(residuals**2, axis=1) / 2 - log_det))
    recorded.assert_matches(residuals, values["residuals"])
    recorded.assert_matches(log_det, values["log_det"])
    recorded.assert_matches(loss, values["loss"])
    for gradient, name in zip(tape.gradient(loss, (embeddings, conditions)), ("embeddings", "conditions")):
        recorded.assert_matches(gradient, values[f"d_{name}"])


def test_log_det_is_that_of_the_jacobian():
    size = 5
    flow = ConditionalFlow(size, blocks=3, depth=3, width=6, seed=1)
    for variable in flow.weights:
        variable.assign(2 * variable)
    point, condition = (tf.random.stateless_normal((1, size), (seed, 0)) for seed in (1, 2))
    with tf.GradientTape() as tape:
        tape.watch(point)
        image, log_det = flow.transform(point, condition)
    jacobian = tape.jacobian(image, point)[0, :, 0]
    np.testing.assert_allclose(log_det[0], np.linalg.slogdet(jacobian)[1], rtol=1e-3)
    assert abs(float(log_det[0])) > 0.1


def built(**arguments):
    proxies = ccp.ClassProxies(3, arguments.pop("proxies_per_class", 1), 4, seed=2)
    return ccp.NIRLoss(ccp.ProxyAnchorLoss(), proxies, flow_blocks=2, flow_depth=3, flow_width=5, **arguments)


def test_is_the_sum_of_its_terms():
    """With two proxies a class, whose mean is the condition; and gradients by differences."""
    loss, sample = built(align_weight=0.3, proxies_per_class=2), loss_cases.sample([0, 1, 2, 1], seed=4)
    points = loss.proxies.points.numpy()  # Of length 1 as they start.
    loss.proxies.points.assign(2.0 * points)

    def regulariser(embeddings):
        vectors = embeddings / np.maximum(1, np.linalg.norm(embeddings, axis=1, keepdims=True))
        conditions = points.mean(axis=1)[sample.labels]
        residuals, log_det = loss.flow.transform(tf.constant(vectors, tf.float32), tf.constant(conditions))
        return float(tf.reduce_mean(tf.exp(tf.reduce_sum(residuals**2, axis=1) / 2 - log_det)))

    value, gradient = loss_cases.value_and_gradients(loss, sample.labels, sample.embeddings)
    aligned, own, _ = loss_cases.value_and_gradients(
        ccp.ProxyAnchorLoss(), sample.labels, sample.embeddings, *loss.proxies.references()
    )
    np.testing.assert_allclose(value, regulariser(sample.embeddings) + 0.3 * aligned, rtol=1e-5)
    expected = finite_differences.gradient(regulariser, sample.embeddings, step=1e-3)
    np.testing.assert_allclose(gradient - 0.3 * own, expected, rtol=0.02, atol=2e-3)


def test_the_seed_decides_the_weights():
    first, same, other = (built(seed=seed).flow.weights for seed in (1, 1, 2))
    np.testing.assert_array_equal(first[0], same[0])
    assert (first[0].numpy() != other[0].numpy()).all()
    assert 0.9 * 6**-0.5 < abs(first[0].numpy()).max() <= 6**-0.5  # Uniform, of 6 inputs.


def test_no_exponent_overflows():
    exponents = tf.constant([0.0, 19.0, 21.0, 1e6])
    with tf.GradientTape() as tape:
        tape.watch(exponents)
        values = _exp(exponents)
    np.testing.assert_allclose(values, [1, np.exp(19), 2 * np.exp(20), (1e6 - 19) * np.exp(20)], rtol=1e-5)
    np.testing.assert_allclose(tape.gradient(values, exponents), [1, np.exp(19), np.exp(20), np.exp(20)], rtol=1e-5)
    with pytest.raises(ValueError, match="at least 2 dimensions; got 1"):
        ConditionalFlow(1, 1, 2, 2)


def test_a_few_steps_lower_it():
    loss, sample = built(), loss_cases.sample([0, 0, 1, 1, 2, 2], seed=1)
    values = []
    for _ in range(8):
        with tf.GradientTape() as tape:
            total = loss(sample.labels, sample.embeddings)
        values.append(float(total))
        for variable, gradient in zip(loss.trainable_variables, tape.gradient(total, loss.trainable_variables)):
            variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
    assert values[-1] < 0.8 * values[0]
