"""What all pair losses share: how they are called, what they take and what they refuse."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp import PairLoss, TripletLoss
from tests.support import loss_cases

SAMPLE = loss_cases.Sample.of([0, 0, 1, 1, 2], [0, 1, 2, 2])
ONE_HOT = np.eye(3, dtype=np.int64)[SAMPLE.labels]


class LabelsTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(name=loss_cases.NAMES, dtype=("uint8", "int32", "str"))
    def test_takes_columns_and_any_kind_of_class_name(self, name, dtype):
        loss = loss_cases.build(name)
        expected = loss(SAMPLE.labels, SAMPLE.embeddings)
        expected_against = loss.against(*SAMPLE.arguments("against"))
        labels, reference_labels = SAMPLE.labels.astype(dtype), SAMPLE.reference_labels.astype(dtype)
        for shaped in (labels, labels[:, np.newaxis]):
            self.assertAllEqual(loss(shaped, SAMPLE.embeddings), expected)
            against = loss.against(shaped, SAMPLE.embeddings, reference_labels, SAMPLE.references)
            self.assertAllEqual(against, expected_against)

    @parameterized.product(name=loss_cases.NAMES, dtype=("int32", "int64"))
    def test_keeps_large_labels_apart(self, name, dtype):
        # 2**24 and 2**24 + 1 are one number in float32.
        loss, large = loss_cases.build(name), 2**24 + SAMPLE.labels.astype(dtype)
        self.assertAllEqual(loss(large, SAMPLE.embeddings), loss(SAMPLE.labels, SAMPLE.embeddings))
        against = loss.against(large, SAMPLE.embeddings, 2**24 + SAMPLE.reference_labels, SAMPLE.references)
        self.assertAllEqual(against, loss.against(*SAMPLE.arguments("against")))

    @parameterized.parameters(*loss_cases.NAMES)
    def test_only_equality_of_labels_matters(self, name):
        loss, names = loss_cases.build(name), np.array([40, -3, 7])
        value = loss.against(names[SAMPLE.labels], SAMPLE.embeddings, names[SAMPLE.reference_labels], SAMPLE.references)
        self.assertAllClose(value, loss.against(*SAMPLE.arguments("against")), rtol=1e-6)

    @parameterized.product(
        name=loss_cases.NAMES,
        refusal=(
            (SAMPLE.labels.astype(np.float32), TypeError, "Labels must be integers.*got float32.*tf.cast"),
            (ONE_HOT, ValueError, r"\[batch\] or \[batch, 1\]; got \(5, 3\).*one-hot.*tf.argmax"),
            (SAMPLE.labels[:4], ValueError, "got 4 labels for 5 embeddings"),
            (SAMPLE.labels[:1], ValueError, "got 1 labels for 5 embeddings"),
        ),
    )
    def test_refuses_other_labels(self, name, refusal):
        labels, error, message = refusal
        loss = loss_cases.build(name)
        with self.assertRaisesRegex(error, message):
            loss(labels, SAMPLE.embeddings)
        with self.assertRaisesRegex(error, message):
            loss.against(labels, SAMPLE.embeddings, SAMPLE.reference_labels, SAMPLE.references)
        with self.assertRaisesRegex(error, message):
            loss.against(SAMPLE.reference_labels, SAMPLE.references, labels, SAMPLE.embeddings)


class CallTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*loss_cases.NAMES)
    def test_refuses_sample_weight(self, name):
        loss = loss_cases.build(name)
        with self.assertRaisesRegex(ValueError, f"{type(loss).__name__} is one number.*sample_weight"):
            loss(SAMPLE.labels, SAMPLE.embeddings, sample_weight=np.ones(5, np.float32))

    def test_refuses_embeddings_that_are_no_matrix(self):
        with self.assertRaisesRegex(ValueError, r"\[batch, embedding_size\]; got \(5, 2, 2, 3\).*pooling"):
            TripletLoss()(SAMPLE.labels, np.zeros((5, 2, 2, 3), np.float32))

    def test_a_subclass_must_say_how(self):
        with self.assertRaisesRegex(NotImplementedError, "PairLoss must define from_pairs"):
            PairLoss()(SAMPLE.labels, SAMPLE.embeddings)

    @parameterized.parameters(*loss_cases.NAMES)
    def test_holds_for_float64_and_plain_lists(self, name):
        loss = loss_cases.build(name)
        expected = loss(SAMPLE.labels, SAMPLE.embeddings)
        self.assertAllClose(loss(SAMPLE.labels, SAMPLE.embeddings.astype(np.float64)), expected)
        self.assertAllClose(loss(SAMPLE.labels.tolist(), SAMPLE.embeddings.tolist()), expected)

    @parameterized.product(name=loss_cases.NAMES, mode=("batch", "against"))
    def test_a_broken_embedding_shows(self, name, mode):
        labels, embeddings, *references = SAMPLE.arguments(mode)
        embeddings = np.where(np.arange(5)[:, np.newaxis] == 1, np.float32(np.nan), embeddings)
        loss = loss_cases.build(name)
        value, gradient, _ = loss_cases.value_and_gradients(loss, labels, embeddings, *references)
        self.assertTrue(np.isnan(gradient[1]).any())
        self.assertTrue(np.isnan(value), f"an embedding is NaN, but the loss is {value}")


class GraphTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*loss_cases.NAMES)
    def test_equals_eager_without_retracing(self, name):
        loss = loss_cases.build(name)

        @tf.function
        def compiled(labels, embeddings):
            return loss_cases.value_and_gradients(loss, labels, embeddings)[:2]

        for seed in range(3):
            sample = loss_cases.Sample.of([0, 0, 1, 1, 2], [0], seed=seed)
            value, gradient = compiled(tf.constant(sample.labels), tf.constant(sample.embeddings))
            expected, expected_gradient, _ = loss_cases.value_and_gradients(loss, sample.labels, sample.embeddings)
            self.assertAllClose(value, expected, rtol=1e-5)
            self.assertAllClose(gradient, expected_gradient, rtol=1e-4, atol=1e-5)
        self.assertEqual(compiled.experimental_get_tracing_count(), 1)

    @parameterized.parameters(*loss_cases.NAMES)
    def test_one_trace_for_every_size(self, name):
        loss = loss_cases.build(name)
        labels, vectors = tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 4], tf.float32)

        @tf.function(input_signature=[labels, vectors, labels, vectors])
        def compiled(labels, embeddings, reference_labels, references):
            return loss(labels, embeddings), loss.against(labels, embeddings, reference_labels, references)

        for batch, references in ((5, 3), (8, 1), (1, 6)):
            sample = loss_cases.Sample.of(np.arange(batch) // 2, np.arange(references) // 2)
            within, against = compiled(*sample.arguments("against"))
            self.assertAllClose(within, loss(sample.labels, sample.embeddings), rtol=1e-5)
            self.assertAllClose(against, loss.against(*sample.arguments("against")), rtol=1e-5)
        self.assertEqual(compiled.experimental_get_tracing_count(), 1)
