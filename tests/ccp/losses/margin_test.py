"""The margin loss for given draws, against its plain loop, and the draws of its negatives."""

import contextlib
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import MarginLoss
from ccp.losses import margin as margin_module
from ccp.losses.distance_weighted import draw_by_weight, log_inverse_density
from tests.support import finite_differences, loss_cases, oracles, oracles_baselines

SETTINGS = loss_cases.MARGIN_SETTINGS
BOUNDARIES = np.array([0.5, 0.9, 1.3, 1.1, 0.7, 1.0, 0.8, 1.2, 0.6, 0.95], np.float32)  # Of classes 0 to 9.


@contextlib.contextmanager
def recorded_draws():
    """A list that gets [rows, num_draws] of every call of the sampler."""
    draws = []

    def recording(*args):
        draws.append(draw_by_weight(*args))
        return draws[-1]

    with mock.patch.object(margin_module, "draw_by_weight", recording):
        yield draws


def evaluated(loss, labels, embeddings, *references):
    """Value, gradients on embeddings, boundaries and (if given) references, and the draws [anchors, draws]."""
    vectors = [tf.constant(embeddings), *map(tf.constant, references[1:])]
    with recorded_draws() as draws, tf.GradientTape() as tape:
        tape.watch(vectors)
        value = loss.against(labels, vectors[0], references[0], vectors[1]) if references else loss(labels, vectors[0])
    embeddings_gradient, *others = tape.gradient(value, [vectors[0], loss.boundaries.values, *vectors[1:]])
    return value, (embeddings_gradient, *others), draws[0].numpy()


class ValuesTest(parameterized.TestCase, tf.test.TestCase):
    def built(self, settings, per_class):
        loss = MarginLoss(**settings, num_classes=10 if per_class else None)
        if per_class:
            loss.boundaries.values.assign(BOUNDARIES)
            return loss, dict(enumerate(BOUNDARIES.astype(np.float64)))
        return loss, dict.fromkeys(range(10), settings["boundary"])

    def drawn_negatives(self, problem, drawn):
        """The negatives drawn for each anchor, one for each of its positives."""
        negatives = {}
        for a, row in enumerate(drawn):
            negatives[a] = list(row[: len(problem.positives(a))]) if problem.negatives(a) else []
            self.assertContainsSubset(negatives[a], problem.negatives(a))
        self.assertEqual(drawn.shape[1], max(len(problem.positives(a)) for a in negatives))
        return negatives

    @parameterized.product(
        settings=SETTINGS, per_class=(True, False), pattern=tuple(loss_cases.LABEL_PATTERNS), mode=("batch", "against")
    )
    def test_label_patterns(self, settings, per_class, pattern, mode):
        arguments = loss_cases.sample(*loss_cases.LABEL_PATTERNS[pattern], seed=1).arguments(mode)
        loss, boundaries = self.built(settings, per_class)
        value, _, drawn = evaluated(loss, *arguments)
        problem = oracles.Problem(*arguments)
        expected = oracles_baselines.margin(
            problem, self.drawn_negatives(problem, drawn), boundaries, settings["margin"], settings["boundary_weight"]
        )
        self.assertEqual((value.dtype, value.shape), (tf.float32, ()))
        self.assertAllClose(value, expected, rtol=1e-5, atol=1e-6)

    @parameterized.product(settings=SETTINGS, per_class=(True, False), mode=("batch", "against"))
    def test_gradients(self, settings, per_class, mode):
        sample = loss_cases.sample([0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 3], embedding_size=3, seed=4)
        labels, embeddings, *references = sample.arguments(mode)
        loss, boundaries = self.built(settings, per_class)
        _, gradients, drawn = evaluated(loss, labels, embeddings, *references)
        negatives = self.drawn_negatives(oracles.Problem(*sample.arguments(mode)), drawn)

        def expected(x, boundary, *points):
            problem = oracles.Problem(labels, x, *(references[:1]), *points)
            by_class = dict(enumerate(boundary)) if per_class else dict.fromkeys(range(10), boundary[0])
            return oracles_baselines.margin(
                problem, negatives, by_class, settings["margin"], settings["boundary_weight"]
            )

        point = [embeddings, list(boundaries.values())[: 10 if per_class else 1], *references[1:]]
        self.assertLen(gradients, len(point))
        for index, gradient in enumerate(gradients):

            def along(x, index=index):
                return expected(*point[:index], x, *point[index + 1 :])

            by_differences = finite_differences.gradient(along, point[index])
            if index != 1:  # A gradient of 0 would say little; a boundary's is 0 for as many pulls as pushes.
                self.assertGreater(np.abs(by_differences).max(), 1e-3)
            self.assertAllClose(gradient, by_differences, rtol=1e-4, atol=1e-5)

    def test_refuses_what_has_no_boundary(self):
        with self.assertRaisesRegex(TypeError, "need labels 0 … 2; got string.*leave num_classes out"):
            MarginLoss(num_classes=3)(["a", "a", "b"], np.eye(3, dtype=np.float32))


class DrawsTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(2, 3, 16, 128, 2048)
    def test_log_inverse_density(self, embedding_size):
        distances = np.array([[0.0, 0.3, 0.5, 0.9], [1.2, 1.41, 1.9, 2.0]], np.float32)
        logs = log_inverse_density(tf.constant(distances), embedding_size, 0.5).numpy()
        self.assertEqual(logs[0, 0], logs[0, 2])  # Below the cutoff.
        self.assertEqual(logs[1, 2], logs[1, 3])  # Beyond √2.
        self.assertAllEqual(np.sort(logs.ravel())[::-1], logs.ravel())  # The nearer the likelier.
        size = min(embedding_size, 128)  # Larger ones leave float64 in the oracle.
        expected = [np.log(oracles_baselines.inverse_density(d, size, 0.5)) for d in distances.ravel().tolist()]
        self.assertAllClose(
            log_inverse_density(tf.constant(distances), size, 0.5), np.reshape(expected, (2, 4)), atol=1e-4
        )

    @parameterized.parameters((2, 0.5), (8, 0.5), (8, 0.2))
    def test_negatives_are_drawn_in_proportion_to_the_inverse_density(self, embedding_size, cutoff):
        # One anchor at the origin, as many positives as there are to be draws; negatives at these distances. At 1.2 it
        # is beyond boundary + margin and never drawn.
        lengths, num_draws = np.array([0.1, 0.4, 0.55, 0.7, 0.9, 1.2]), 20000
        anchor, references = np.zeros((1, embedding_size)), np.zeros((num_draws + 6, embedding_size))
        anchor[0, 0], references[:6, 0] = 0.6, 0.6 - lengths
        labels = np.repeat([1, 0], [6, num_draws])
        loss = MarginLoss(margin=0.1, boundary=1.0, cutoff=cutoff, seed=5)
        _, _, drawn = evaluated(loss, [0], anchor.astype(np.float32), labels, references.astype(np.float32))
        self.assertEqual(drawn.shape, (1, num_draws))
        weights = [oracles_baselines.inverse_density(d, embedding_size, cutoff) for d in lengths[:5]]
        expected = np.array([*(np.array(weights) / sum(weights)), 0.0])
        deviations = np.sqrt(expected * (1 - expected) / num_draws)
        frequencies = np.bincount(drawn[0], minlength=6) / num_draws
        self.assertAllInRange((frequencies - expected) / np.maximum(deviations, 1e-9), -4.5, 4.5)

    def test_negatives_too_far_are_drawn_where_there_are_no_others(self):
        # All at 2, where 1/q is infinite in 8 dimensions.
        anchor, far = np.eye(1, 8, dtype=np.float32), -np.eye(1, 8, dtype=np.float32)
        references = np.concatenate([np.repeat(anchor, 300, 0), np.repeat(far, 2, 0)])
        value, gradients, drawn = evaluated(MarginLoss(), [0], anchor, [0] * 300 + [1, 1], references)
        self.assertEqual(float(value), 0.0)
        self.assertAllInRange((drawn == 300).mean(), 0.35, 0.65)  # 150 of 300, 5 deviations of 8.7.
        self.assertContainsSubset(np.unique(drawn), [300, 301])
        for gradient in gradients:
            self.assertAllEqual(gradient, tf.zeros_like(gradient))

    def test_draws_follow_from_seed_and_count(self):
        sample = loss_cases.sample([0, 0, 1, 1, 2, 2] * 3, [0], seed=2).arguments("batch")

        def three_draws(loss):
            return [evaluated(loss, *sample)[2] for _ in range(3)]

        loss = MarginLoss(seed=2**32 - 1)
        first = three_draws(loss)
        self.assertEqual(int(loss.counter.steps), 3)
        self.assertFalse((first[0] == first[1]).all() or (first[1] == first[2]).all())
        self.assertAllEqual(three_draws(MarginLoss(seed=2**32 - 1)), first)
        self.assertNotAllEqual(three_draws(MarginLoss(seed=1)), first)
        loss.counter.steps.assign(1)
        self.assertAllEqual(evaluated(loss, *sample)[2], first[1])

    def test_columns_that_cannot_be_drawn(self):
        nan, inf = float("nan"), float("inf")
        weights = tf.constant([[0.0, 1e30, nan, -1.0], [nan] * 4, [-1e30, 0.0, 0.0, inf]])
        candidates = tf.constant([[True, False, True, True], [True] * 4, [True, False, False, False]])
        drawn = draw_by_weight(weights, candidates, 200, tf.constant([0, 0])).numpy()
        self.assertAllEqual(np.unique(drawn[0]), [0, 3])
        self.assertAllInRange(drawn[1], 0, 3)  # Nothing to draw, but no column beyond the last.
        self.assertAllEqual(np.unique(drawn[2]), [0])


class DegenerateTest(parameterized.TestCase, tf.test.TestCase):
    # At distance 0 a positive costs 0.2 − 1.2, nothing, and a negative 1.4.
    @parameterized.product(
        case=(([0, 0, 1, 1], 1.4), ([0] * 4, 0.0), ([0, 1, 2, 3], 0.0), ([0], 0.0)),
        length_and_type=((0.0, "float32"), (1.0, "float16")),
        size=(1, 4),
    )
    def test_copies_of_one_vector(self, case, length_and_type, size):
        (labels, expected), (length, dtype) = case, length_and_type
        copies = tf.cast(np.full((len(labels), size), length / np.sqrt(size)), dtype)
        value, gradients, _ = evaluated(MarginLoss(num_classes=4), labels, copies)
        self.assertEqual((value.dtype, gradients[0].dtype), (tf.float32, dtype))
        self.assertAllClose(value, expected, rtol=1e-6)
        self.assertAllEqual(tf.cast(gradients[0], tf.float32), np.zeros((len(labels), size)))
        self.assertTrue(np.isfinite(gradients[1]).all())
