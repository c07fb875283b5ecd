"""Losses under Keras' mixed-precision policies: a network in half precision, losses and variables in float32."""

import numpy as np
import pytest
import tensorflow as tf

import ccp
from tests.support import loss_cases


@pytest.fixture
def policy(request):
    before = tf.keras.mixed_precision.global_policy()
    tf.keras.mixed_precision.set_global_policy(request.param)
    yield request.param
    tf.keras.mixed_precision.set_global_policy(before)


CASES = [(name, "mixed_float16") for name in loss_cases.AGAINST] + [("contrastive", "mixed_bfloat16")]


@pytest.mark.parametrize(("name", "policy"), CASES, indirect=["policy"])
def test_a_model_gets_finite_gradients(name, policy):
    tf.keras.utils.set_random_seed(0)
    model = tf.keras.Sequential([tf.keras.layers.Dense(8, activation="relu"), tf.keras.layers.Dense(4)])
    loss = ccp.CCPLoss(loss_cases.build(name), ccp.ClassProxies(3, 2, 4), memory=ccp.CrossBatchMemory(6, 4))
    images = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    with tf.GradientTape() as tape:
        embeddings = model(images)
        value = loss([0, 0, 1, 1, 2, 2], embeddings)
    assert (embeddings.dtype.name, value.dtype) == (policy.replace("mixed_", ""), tf.float32)
    weights = model.trainable_variables + loss.trainable_variables
    for weight, gradient in zip(weights, tape.gradient(value, weights)):
        assert weight.dtype == gradient.dtype == tf.float32
        assert 0 < np.abs(gradient).max() < 1e4


@pytest.mark.parametrize("policy", ["mixed_float16", "float64"], indirect=True)
def test_layers_compute_in_float32(policy):
    proxies, memory = ccp.ClassProxies(2, 1, 4), ccp.CrossBatchMemory(2, 4)
    memory.store([0, 1], tf.ones((2, 4), tf.float16))
    assert proxies.references()[1].dtype == memory.references()[1].dtype == tf.float32
    assert ccp.MarginLoss().boundaries.values.dtype == tf.float32
    # 1 and 1 + 2**-12 are one number in float16: the second is chosen only in float32.
    candidates = tf.constant([[[1.0], [1.0 + 2.0**-12]]])
    assert ccp.ProxyReinitializer(1)(candidates, tf.constant([[[0.0]]])).numpy().item() == 1.0 + 2.0**-12
