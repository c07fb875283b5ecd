"""The losses that TensorFlow Addons computes: against plain loops, on degenerate batches, and what they refuse."""

import math

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.losses import NPairsLoss
from ccp.losses.addons import AddonsLoss, paired_within_classes
from tests.ccp.losses.oracle_test import differences
from tests.support import loss_cases

NAMES = tuple(loss_cases.BATCH_SETTINGS)
CASES = tuple((name, settings) for name in NAMES for settings in loss_cases.BATCH_SETTINGS[name])
SAMPLE = loss_cases.Sample.of([2, 0, 1, 0, 2, 1, 0, 1], [0], seed=1)
BATCH = SAMPLE.arguments("batch")


class ValuesTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(case=CASES, pattern=tuple(loss_cases.LABEL_PATTERNS))
    def test_label_patterns(self, case, pattern):
        name, settings = case
        batch = loss_cases.Sample.of(*loss_cases.LABEL_PATTERNS[pattern], seed=1).arguments("batch")
        value = loss_cases.build(name, settings)(*batch)
        self.assertEqual((value.dtype, value.shape), (tf.float32, ()))
        self.assertAllClose(value, loss_cases.expected(name, settings, *batch), rtol=1e-5, atol=1e-6)

    @parameterized.parameters(*CASES)
    def test_gradients(self, name, settings):
        labels, embeddings = loss_cases.Sample.of([0, 0, 1, 1, 2], [0], embedding_size=3, seed=4).arguments("batch")
        _, gradient, _ = loss_cases.value_and_gradients(loss_cases.build(name, settings), labels, embeddings)
        expected = differences(lambda x: loss_cases.expected(name, settings, labels, x), embeddings)
        self.assertGreater(np.abs(expected).max(), 1e-4)
        self.assertAllClose(gradient, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())

    def test_npairs_by_hand(self):
        # Pairs (1, 0.5) of class 0 and (0.5, −1) of class 1; the third of class 0 is left out.
        # Anchor 1: 0.5 against −1; anchor 0.5: −0.5 against 0.25.
        expected = (math.log1p(math.exp(-1.5)) + math.log1p(math.exp(0.75))) / 2
        value = NPairsLoss()([0, 0, 1, 1, 0], [[1.0], [0.5], [0.5], [-1.0], [0.3]])
        self.assertAllClose(value, expected, rtol=1e-6)

    def test_pairs_within_classes(self):
        first, second = paired_within_classes(tf.constant([1, 0, 1, 2, 0, 1, 1, 0]))
        # Class 0 at 1, 4, 7; class 1 at 0, 2, 5, 6; class 2 at 3.
        self.assertAllEqual(tf.stack([first, second], axis=1), [[1, 4], [0, 2], [5, 6]])


class DegenerateTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(name=NAMES, labels=([0] * 4, [0, 1, 2, 3], [0]))
    def test_without_pairs_of_both_kinds(self, name, labels):
        embeddings = SAMPLE.embeddings[: len(labels)]
        value, gradient, _ = loss_cases.value_and_gradients(loss_cases.build(name), labels, embeddings)
        self.assertEqual(value, 0.0)
        self.assertAllEqual(gradient, np.zeros_like(embeddings))

    # Two classes of two, all at distance 0 and one similarity.
    @parameterized.product(
        case=(
            ("semi_hard_triplet", 0.2),  # The margin.
            ("hard_triplet", 0.2),
            ("lifted_structure", (math.log(4) + 1) ** 2 / 2),  # Four negatives at e¹.
            ("npairs", math.log(2)),
        ),
        length=(0.0, 1e-20, 1.0, 1e6),
        dtype=("float32", "float16"),
    )
    def test_copies_of_one_vector(self, case, length, dtype):
        name, expected = case
        length = min(length, 6e4) if dtype == "float16" else length
        copies = tf.cast(np.full((4, 4), length / 2), dtype)
        value, gradient, _ = loss_cases.value_and_gradients(loss_cases.build(name), [0, 0, 1, 1], copies)
        self.assertEqual((value.dtype, gradient.dtype), (tf.float32, dtype))
        self.assertAllClose(value, expected, rtol=1e-6)
        self.assertTrue(np.isfinite(tf.cast(gradient, tf.float32)).all())

    @parameterized.product(name=NAMES, labels=([0, 0, 1, 1], [0] * 4, [0, 1, 2, 3]))
    def test_a_broken_embedding_shows(self, name, labels):
        embeddings = np.where(np.arange(4)[:, np.newaxis] == 1, np.float32(np.nan), SAMPLE.embeddings[:4])
        self.assertTrue(np.isnan(loss_cases.build(name)(labels, embeddings)))


class SharedTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(*NAMES)
    def test_only_equality_of_labels_matters(self, name):
        loss = loss_cases.build(name)
        # 2**53 and 2**53 + 1 are one number even in float64.
        for labels in (
            2**53 + SAMPLE.labels,
            SAMPLE.labels.astype("str"),
            SAMPLE.labels.astype("uint8")[:, np.newaxis],
        ):
            self.assertAllClose(loss(labels, SAMPLE.embeddings), loss(*BATCH), rtol=1e-6)

    @parameterized.parameters(*NAMES)
    def test_half_precision_is_computed_in_float32(self, name):
        rounded = tf.cast(SAMPLE.embeddings, tf.float16)
        loss = loss_cases.build(name)
        self.assertAllEqual(loss(SAMPLE.labels, rounded), loss(SAMPLE.labels, tf.cast(rounded, tf.float32)))

    @parameterized.parameters(*NAMES)
    def test_compiled_for_every_size(self, name):
        loss = loss_cases.build(name)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64), tf.TensorSpec([None, 4], tf.float32)])
        def compiled(labels, embeddings):
            return loss_cases.value_and_gradients(loss, labels, embeddings)[:2]

        for rows in (8, 5, 1):
            labels, embeddings = SAMPLE.labels[:rows], SAMPLE.embeddings[:rows]
            expected = loss_cases.value_and_gradients(loss, labels, embeddings)[:2]
            for computed, eager in zip(compiled(labels, embeddings), expected):
                self.assertAllClose(computed, eager, rtol=1e-4, atol=1e-5)
        self.assertEqual(compiled.experimental_get_tracing_count(), 1)

    @parameterized.parameters(*NAMES)
    def test_refuses_other_references_and_sample_weight(self, name):
        loss = loss_cases.build(name)
        with self.assertRaisesRegex(
            ValueError, f"{type(loss).__name__} compares a batch with itself.*proxies or a mem"
        ):
            loss.against(*SAMPLE.arguments("against"))
        with self.assertRaisesRegex(ValueError, "cannot weight examples"):
            loss(*BATCH, sample_weight=np.ones(8, np.float32))

    def test_a_subclass_must_say_how(self):
        with self.assertRaisesRegex(NotImplementedError, "AddonsLoss must define of_batch"):
            AddonsLoss()(*BATCH)

    def test_from_settings_takes_the_settings_alone(self):
        loss = type(loss_cases.build("hard_triplet")).from_settings({"margin": 0.7}, num_classes=3, seed=1)
        self.assertEqual((loss.margin, loss.parts), (0.7, ()))
