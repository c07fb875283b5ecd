"""Degenerate inputs: values by hand where there are any, finite gradients everywhere."""

import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from tests.support import loss_cases

# Two classes of two. On zero vectors all similarities and distances are 0; on copies of one unit vector, 1 and 0.
TWO_CLASSES = np.array([0, 0, 1, 1])
UNIT = np.full((4, 4), 0.5, np.float32)  # Of norm exactly 1, and exact in half precision.
SETTINGS = {
    **{name: settings[0] for name, settings in loss_cases.SETTINGS.items()},
    "multi_similarity": {"alpha": 2.0, "beta": 100.0, "base": 0.5},
}
HALF_TYPES = ("float16", "bfloat16")
MODES_AND_TYPES = (("batch", "float32"), ("against", "float32"), ("batch", "float16"), ("against", "bfloat16"))


def softplus(x):
    return math.log1p(math.exp(x))


# Every anchor has 1 positive and 2 negatives, and so has every reference.
ON_ZEROS = {
    "contrastive": 0.3841,  # Positives are at 0 and not active; every negative costs the margin.
    "cosine_contrastive": 1 - 1e-5,  # One positive at s = 0; negatives are below the margin.
    "triplet": 0.0961,  # 0 − 0 + margin, every one.
    "multi_similarity": math.log1p(math.exp(2 * 0.5)) / 2 + math.log1p(2 * math.exp(100 * -0.5)) / 100,
    "proxy_anchor": math.log1p(math.exp(32 * 0.1)) + math.log1p(2 * math.exp(32 * 0.1)),
    "proxy_nca": math.log(3),  # One own among three alike.
    "virtual_softmax": math.log(4),  # One own among three alike, and the virtual one.
    # Two classes alike, less the margin; and √2 for each of 2 unordered pairs of zero vectors, over 4 ordered ones.
    "soft_triple": softplus(20 * 0.01) + 0.2 * 2 * math.sqrt(2) / 4,
}
ON_COPIES = {
    "contrastive": 0.3841,
    "cosine_contrastive": 2 * (1 - 0.5),  # Positives at s = 1 are left out; two negatives at s = 1.
    "triplet": 0.0961,
    "multi_similarity": math.log1p(math.exp(-2 * 0.5)) / 2 + math.log1p(2 * math.exp(100 * 0.5)) / 100,
    "proxy_anchor": math.log1p(math.exp(-32 * 0.9)) + math.log1p(2 * math.exp(32 * 1.1)),
    "proxy_nca": math.log(3),
    "virtual_softmax": math.log(4),
    "soft_triple": softplus(20 * 0.01),  # Centres coincide.
}


def assert_finite(*tensors):
    for tensor in tensors:
        assert np.isfinite(tf.cast(tensor, tf.float32)).all(), tensor


class DegenerateTest(parameterized.TestCase, tf.test.TestCase):
    def evaluated(self, name, labels, embeddings, dtype="float32", references=None):
        """Value and gradients, found to be finite; references, if given, bear the same labels."""
        loss = loss_cases.build(name, SETTINGS[name])
        embeddings = tf.cast(embeddings, dtype)
        against = () if references is None else (labels, references)
        value, *gradients = loss_cases.value_and_gradients(loss, labels, embeddings, *against)
        self.assertEqual(value.dtype, tf.float32)
        self.assertEqual(gradients[0].dtype, dtype)
        assert_finite(value, *gradients[: 1 + bool(against)])
        return float(value), tf.cast(gradients[0], tf.float32)

    @parameterized.product(name=loss_cases.NAMES, dtype=("float32", *HALF_TYPES))
    def test_zero_vectors(self, name, dtype):
        value, gradient = self.evaluated(name, TWO_CLASSES, np.zeros((4, 4)), dtype)
        self.assertAllClose(value, ON_ZEROS[name], rtol=1e-6)
        self.assertAllEqual(gradient, np.zeros((4, 4)))

    @parameterized.product(name=loss_cases.NAMES, dtype=("float32", *HALF_TYPES))
    def test_copies_of_one_vector(self, name, dtype):
        value, gradient = self.evaluated(name, TWO_CLASSES, UNIT, dtype)
        self.assertAllClose(value, ON_COPIES[name], rtol=1e-6)
        if name in ("contrastive", "triplet"):  # The gradient of a distance of 0 is 0.
            self.assertAllEqual(gradient, np.zeros((4, 4)))

    @parameterized.product(name=loss_cases.NAMES, vectors=("zeros", "copies"))
    def test_against_references_that_coincide_with_the_anchors(self, name, vectors):
        embeddings = np.zeros((4, 4), np.float32) if vectors == "zeros" else UNIT
        value, _ = self.evaluated(name, TWO_CLASSES, embeddings, references=embeddings)
        expected = loss_cases.expected(name, SETTINGS[name], TWO_CLASSES, embeddings, TWO_CLASSES, embeddings)
        self.assertAllClose(value, expected, rtol=1e-6)

    @parameterized.product(name=loss_cases.NAMES, dtype=("float32", *HALF_TYPES))
    def test_tiny_vectors_equal_zero_vectors(self, name, dtype):
        tiny = 1e-20 * np.random.default_rng(0).normal(size=(4, 4))
        value, _ = self.evaluated(name, TWO_CLASSES, tiny, dtype)
        self.assertAllClose(value, ON_ZEROS[name], rtol=1e-6)

    @parameterized.product(name=loss_cases.NAMES, mode=("batch", "against"))
    def test_huge_vectors(self, name, mode):
        # Outside the ball only the direction counts: the value is the same at every length, the gradient inverse to it.
        directions = loss_cases.Sample.of(TWO_CLASSES, TWO_CLASSES, seed=2).embeddings
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)

        def at(length):
            references = -length * directions[::-1] if mode == "against" else None
            return self.evaluated(name, TWO_CLASSES, length * directions, references=references)

        (value, gradient), (near_value, near_gradient) = at(1e6), at(2)
        self.assertAllClose(value, near_value, rtol=1e-5)
        self.assertAllClose(5e5 * gradient, near_gradient, rtol=1e-4, atol=1e-4 * np.abs(near_gradient).max())

    @parameterized.product(name=loss_cases.NAMES, dtype=HALF_TYPES)
    def test_huge_vectors_in_half_precision(self, name, dtype):
        # 6e4 is near the largest float16; its square is far beyond. Signs alone: exact unit vectors.
        signs = np.sign(np.random.default_rng(3).normal(size=(4, 4)))
        value, _ = self.evaluated(name, TWO_CLASSES, 32768 * signs, dtype)
        self.assertAllClose(value, loss_cases.expected(name, SETTINGS[name], TWO_CLASSES, signs), rtol=1e-5)

    @parameterized.product(name=loss_cases.NAMES, case=MODES_AND_TYPES)
    def test_one_class_only(self, name, case):
        mode, dtype = case
        value, _ = self.assert_equals_oracle_on(name, np.zeros(5, np.int64), mode, dtype)
        if name in ("triplet", "proxy_nca"):  # No negatives: nothing to be nearer than, the whole mass is the own.
            self.assertAllClose(value, 0.0, atol=1e-6)

    @parameterized.product(name=loss_cases.NAMES, case=MODES_AND_TYPES)
    def test_no_positives(self, name, case):
        mode, dtype = case
        references = np.arange(5, 10) if mode == "against" else None
        value, gradient = self.assert_equals_oracle_on(name, np.arange(5), mode, dtype, references)
        if name in ("triplet", "proxy_nca", "soft_triple", "virtual_softmax"):  # All their terms need a positive.
            self.assertEqual(value, 0.0)
            self.assertAllEqual(gradient, np.zeros((5, 4)))

    @parameterized.product(name=loss_cases.NAMES, dtype=("float32", *HALF_TYPES))
    def test_batch_of_one(self, name, dtype):
        value, gradient = self.evaluated(name, [3], UNIT[:1], dtype)
        self.assertEqual(value, 0.0)  # No pairs at all.
        self.assertAllEqual(gradient, np.zeros((1, 4)))

    @parameterized.product(name=loss_cases.NAMES, reference_label=(3, 4))
    def test_one_anchor_and_one_reference(self, name, reference_label):
        anchor, reference = np.float32([[0.3, 0.4]]), np.float32([[0.4, -0.1]])
        loss = loss_cases.build(name, SETTINGS[name])
        value, *gradients = loss_cases.value_and_gradients(loss, [3], anchor, [reference_label], reference)
        expected = loss_cases.expected(name, SETTINGS[name], [3], anchor, [reference_label], reference)
        self.assertAllClose(value, expected, rtol=1e-5)
        assert_finite(value, *gradients)

    def assert_equals_oracle_on(self, name, labels, mode, dtype, reference_labels=None):
        reference_labels = labels if reference_labels is None else reference_labels
        sample = loss_cases.Sample.of(labels, reference_labels, seed=5)
        rounded = tf.cast(tf.cast(sample.embeddings, dtype), tf.float32).numpy()  # What a half-precision network says.
        against = () if mode == "batch" else (reference_labels, sample.references)
        loss = loss_cases.build(name, SETTINGS[name])
        value, *gradients = loss_cases.value_and_gradients(loss, labels, tf.cast(rounded, dtype), *against)
        expected = loss_cases.expected(name, SETTINGS[name], labels, rounded, *against)
        self.assertAllClose(value, expected, rtol=1e-5, atol=1e-6)
        assert_finite(value, *gradients[: 1 + bool(against)])
        return float(value), tf.cast(gradients[0], tf.float32)
