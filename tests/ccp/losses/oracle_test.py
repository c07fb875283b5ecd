"""Every loss against its plain loop: values over settings, label patterns and sizes; gradients by differences."""

import numpy as np
import pytest
import tensorflow as tf

from ccp.losses.registry import PAIR_LOSSES
from tests.support import finite_differences, loss_cases, oracles

every_case = pytest.mark.parametrize(("name", "settings", "mode"), loss_cases.ORACLE_CASES)


def assert_equals_oracle(name, settings, arguments):
    loss = loss_cases.build(name, settings)
    value = loss(*arguments) if len(arguments) == 2 else loss.against(*arguments)
    assert (value.dtype, value.shape) == (tf.float32, ())
    np.testing.assert_allclose(value, loss_cases.expected(name, settings, *arguments), rtol=1e-5, atol=1e-6)


def test_every_loss_is_a_case():
    assert set(loss_cases.EVERY_SETTING) == set(PAIR_LOSSES)


@every_case
def test_label_patterns(name, settings, mode):
    for labels in loss_cases.LABEL_PATTERNS.values():
        assert_equals_oracle(name, settings, loss_cases.sample(*labels, seed=1).arguments(mode))


@every_case
def test_random_sizes(name, settings, mode):
    for seed in (0, 2):
        random = np.random.default_rng(seed)
        # Not in one dimension, where all norms above 1 are at ±1: ties exactly on the hinge.
        batch, references, embedding_size, classes = random.integers((1, 1, 2, 1), (14, 18, 9, 7))
        labels, reference_labels = random.integers(0, classes, batch), random.integers(0, classes, references)
        sample = loss_cases.sample(labels, reference_labels, embedding_size, seed)
        assert_equals_oracle(name, settings, sample.arguments(mode))


@every_case
def test_gradients(name, settings, mode):
    sample = loss_cases.sample([0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 3], embedding_size=3, seed=4)
    arguments = sample.arguments(mode)
    _, *gradients = loss_cases.value_and_gradients(loss_cases.build(name, settings), *arguments)
    if name == "circle":  # Its weights are constants to the gradient.
        settings = {**settings, "weighting": oracles.Problem(*arguments)}
    for gradient, position in zip(gradients, (1, 3)):

        def along(vectors, position=position):
            changed = (*arguments[:position], vectors, *arguments[position + 1 :])
            return loss_cases.expected(name, settings, *changed, constants_at=arguments)

        expected = finite_differences.gradient(along, arguments[position])
        assert np.abs(expected).max() > 1e-4  # A gradient of 0 would prove little.
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
