"""Every loss against its plain loop: values over settings, label patterns and sizes; gradients by differences."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.losses.registry import PAIR_LOSSES
from tests.support import loss_cases, oracles

MODES = ("batch", "against")


class ValuesTest(parameterized.TestCase, tf.test.TestCase):
    def test_every_loss_is_a_case(self):
        self.assertEqual(set(loss_cases.EVERY_SETTING), set(PAIR_LOSSES))

    @parameterized.product(case=loss_cases.ALL, pattern=tuple(loss_cases.LABEL_PATTERNS), mode=MODES)
    def test_label_patterns(self, case, pattern, mode):
        name, settings = case
        arguments = loss_cases.Sample.of(*loss_cases.LABEL_PATTERNS[pattern], seed=1).arguments(mode)
        self.assert_equals_oracle(name, settings, arguments)

    @parameterized.product(case=loss_cases.ALL, seed=(0, 2), mode=MODES)
    def test_random_sizes(self, case, seed, mode):
        name, settings = case
        random = np.random.default_rng(seed)
        # Not in one dimension, where all norms above 1 land on ±1: ties exactly on the hinge.
        batch, references, embedding_size, classes = random.integers((1, 1, 2, 1), (14, 18, 9, 7))
        sample = loss_cases.Sample.of(
            random.integers(0, classes, batch), random.integers(0, classes, references), embedding_size, seed
        )
        self.assert_equals_oracle(name, settings, sample.arguments(mode))

    def assert_equals_oracle(self, name, settings, arguments):
        loss = loss_cases.build(name, settings)
        value = loss(*arguments) if len(arguments) == 2 else loss.against(*arguments)
        self.assertEqual(value.dtype, tf.float32)
        self.assertEqual(value.shape, ())
        self.assertAllClose(value, loss_cases.expected(name, settings, *arguments), rtol=1e-5, atol=1e-6)


class GradientsTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(case=loss_cases.ALL, mode=MODES)
    def test_differences(self, case, mode):
        name, settings = case
        labels, embeddings, *references = loss_cases.Sample.of(
            [0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 3], embedding_size=3, seed=4
        ).arguments(mode)
        computed = loss_cases.value_and_gradients(loss_cases.build(name, settings), labels, embeddings, *references)

        def of_embeddings(x):
            return loss_cases.expected(name, settings, labels, x, *references)

        self.assert_close_to_differences(computed[1], of_embeddings, embeddings)
        if references:

            def of_references(x):
                return loss_cases.expected(name, settings, labels, embeddings, references[0], x)

            self.assert_close_to_differences(computed[2], of_references, references[1])

    def assert_close_to_differences(self, gradient, function, at):
        expected = differences(function, at)
        self.assertGreater(np.abs(expected).max(), 1e-4)  # A gradient of 0 would say little.
        self.assertAllClose(gradient, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())


def differences(function, at, step=1e-6):
    """The gradient of a float64 function by central differences; fails where a kink lies within the step."""
    at = np.asarray(at, np.float64)
    middle, gradient = function(at), np.zeros_like(at)
    for index in np.ndindex(at.shape):
        shift = np.zeros_like(at)
        shift[index] = step
        forward, backward = (function(at + shift) - middle) / step, (middle - function(at - shift)) / step
        # A smooth function's two sides differ by step · f'', thousandths at most; a kink's or a jump's by far more.
        assert abs(forward - backward) < 2e-3, "a kink is too near: choose other points"
        gradient[index] = (forward + backward) / 2
    return gradient


class OraclesTest(tf.test.TestCase):
    """The oracles themselves, on the one thing that all of them share."""

    def test_problem(self):
        problem = oracles.Problem([1, 1, 2], [[3.0, 4.0], [0.3, 0.4], [0.0, 0.0]])
        self.assertAllClose(problem.anchors, [[0.6, 0.8], [0.3, 0.4], [0.0, 0.0]])
        self.assertEqual((problem.positives(0), problem.negatives(0)), ([1], [2]))
        self.assertAlmostEqual(problem.distance(0, 1), 0.5)
        against = oracles.Problem([1], [[0.0, 1.0]], [1, 2, 1], [[0.0, 0.5]] * 3)
        self.assertEqual((against.positives(0), against.negatives(0)), ([0, 2], [1]))
        self.assertAlmostEqual(against.similarity(0, 1), 0.5)
