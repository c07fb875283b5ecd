"""Degenerate inputs: values as the plain loops have them, and finite gradients."""

import numpy as np
import pytest
import tensorflow as tf

from tests.support import loss_cases

TWO_CLASSES = np.array([0, 0, 1, 1])
UNIT = np.full((4, 4), 0.5)  # Of norm exactly 1, and exact in half precision.
# Labels and embeddings; against references these are the references too, unless there are labels and vectors for them.
INPUTS = {
    "zero vectors": (TWO_CLASSES, np.zeros((4, 4))),
    "tiny vectors": (TWO_CLASSES, 1e-20 * np.random.default_rng(0).normal(size=(4, 4))),
    "copies of one vector": (TWO_CLASSES, UNIT),
    # 32768 is exact in half precision; its square is far beyond float16. Signs alone: exact unit vectors.
    "huge vectors": (TWO_CLASSES, 32768 * np.sign(np.random.default_rng(3).normal(size=(4, 4)))),
    # Distances of 0 that rounding would make positive, and so active.
    "duplicates": (np.arange(24) // 6, np.repeat(np.random.default_rng(6).normal(size=(8, 16)), 3, axis=0)),
    "one class": loss_cases.sample([0] * 5, [0] * 5, seed=5).arguments("against"),
    "no positives": loss_cases.sample(range(5), range(5, 10), seed=5).arguments("against"),
    "a batch of one": ([3], UNIT[:1]),
}


def evaluated(name, labels, embeddings, *against, dtype="float32"):
    """Value and gradients, which are finite."""
    embeddings = tf.cast(embeddings, dtype)
    value, *gradients = loss_cases.value_and_gradients(loss_cases.build(name), labels, embeddings, *against)
    assert (value.dtype, gradients[0].dtype) == (tf.float32, dtype)
    gradients = [tf.cast(gradient, tf.float32).numpy() for gradient in gradients]
    assert all(np.isfinite(array).all() for array in (value, *gradients))
    return float(value), gradients


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize(("name", "mode"), loss_cases.WITH_ORACLE)
def test_equals_the_oracle(name, mode, inputs, dtype):
    labels, embeddings, *references = INPUTS[inputs]
    rounded = tf.cast(tf.cast(embeddings, dtype), tf.float32).numpy()  # As a half-precision network has them.
    against = (references or (labels, rounded)) if mode == "against" else ()
    value, gradients = evaluated(name, labels, rounded, *against, dtype=dtype)
    expected = loss_cases.expected(name, loss_cases.SETTINGS[name][0], labels, rounded, *against)
    np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    if mode == "batch" and inputs in ("zero vectors", "a batch of one"):  # All alike, and no pairs at all.
        assert not gradients[0].any()


@pytest.mark.parametrize(("name", "mode"), loss_cases.WITH_ORACLE)
def test_outside_the_ball_only_the_direction_matters(name, mode):
    directions = loss_cases.sample(TWO_CLASSES, seed=2).embeddings
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)

    def at(length):
        against = (TWO_CLASSES, -length * directions[::-1]) if mode == "against" else ()
        return evaluated(name, TWO_CLASSES, length * directions, *against)

    (value, gradients), (near_value, near_gradients) = at(1e6), at(2)
    assert value == pytest.approx(near_value, rel=1e-5)  # The gradient is inverse to the length.
    largest = np.abs(near_gradients[0]).max()
    np.testing.assert_allclose(5e5 * gradients[0], near_gradients[0], rtol=1e-4, atol=1e-4 * largest)


BROKEN = tuple((*case, [0, 0, 1, 1]) for case in loss_cases.NAMES_AND_MODES) + tuple(
    (name, "batch", labels) for name in loss_cases.WITHIN_BATCH for labels in ([0] * 4, [0, 1, 2, 3])
)


@pytest.mark.parametrize(("name", "mode", "labels"), BROKEN)
def test_a_broken_embedding_shows(name, mode, labels):
    sample = loss_cases.sample(labels, [0, 1, 1])
    sample.embeddings[1] = np.nan
    value, gradient, *_ = loss_cases.value_and_gradients(loss_cases.build(name), *sample.arguments(mode))
    assert np.isnan(value)
    assert np.isnan(gradient[1]).any()
