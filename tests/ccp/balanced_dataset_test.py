"""Datasets of balanced batches: the sampling rule, positions, epochs, pools and sources."""

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

import ccp
from ccp.balanced_dataset import source_of
from ccp.errors import ConfigError
from ccp.sampling import candidates_per_class, m_per_class

LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), 6))
EXAMPLES = np.arange(30, dtype=np.float32)[:, np.newaxis]  # Each is its index.


def indices(batches):
    return [images.numpy().astype(int)[:, 0].tolist() for images, _ in batches]


def expected(epoch, seed=0, steps=5):
    return m_per_class(LABELS, 3, 2, steps, seed, epoch).tolist()


class BalancedBatchesTest(parameterized.TestCase, tf.test.TestCase):
    def batches(self, **more):
        return ccp.balanced_batches(EXAMPLES, LABELS, classes=3, per_class=2, **more)

    def test_epochs_follow_the_sampling_rule_one_by_one(self):
        batches = self.batches(seed=4)
        self.assertEqual(batches.cardinality(), 5)  # 30 images in batches of 6.
        for epoch in range(3):
            self.assertEqual(indices(batches), expected(epoch, seed=4))

    def test_labels_belong_to_their_images_and_keep_their_values(self):
        batches = ccp.balanced_batches(EXAMPLES, 10 * LABELS + 7, classes=3, per_class=2)
        for images, labels in batches:
            self.assertAllEqual(labels, 10 * LABELS[images.numpy().astype(int)[:, 0]] + 7)
            self.assertEqual(labels.dtype, tf.int64)

    @parameterized.parameters(0, 3, 5, 12)
    def test_from_any_step_on(self, step):
        rest = source_of(self.batches()).from_step(step).take(8)
        all_of_them = [row for epoch in range(4) for row in expected(epoch)]
        self.assertEqual(indices(rest), all_of_them[step : step + 8])

    def test_fit_sees_an_epoch_after_the_other(self):
        seen = []

        class Network(tf.keras.Model):
            def train_step(self, data):
                tf.py_function(lambda images: seen.append(images.numpy().astype(int)[:, 0].tolist()), [data[0]], [])
                return {"loss": 0.0}

        network = Network()
        network.compile()
        network.fit(self.batches(), epochs=2, verbose=0)
        self.assertEqual(seen, expected(0) + expected(1))

    def test_pools(self):
        source = source_of(self.batches(seed=4))
        for draw in (0, 2):
            found = [row for batch in indices(source.candidates(draw, 4)) for row in batch]
            self.assertEqual(found, candidates_per_class(LABELS, 4, 4, draw).reshape(-1).tolist())

    def test_load_and_augment(self):
        files = np.array([f"{index}" for index in range(30)])
        seeds = []

        def augment(image, seed):
            return tf.stack([image, tf.random.stateless_uniform([], seed)])

        def batches(examples, labels):
            load = tf.strings.to_number
            return ccp.balanced_batches(examples, labels, classes=3, per_class=2, load=load, augment=augment)

        for source in ((files, LABELS), (tf.data.Dataset.from_tensor_slices((files, LABELS)), None)):
            made = batches(*source)
            first, second = ([images.numpy() for images, _ in made] for _ in range(2))
            self.assertEqual(np.stack(first)[..., 0].astype(int).tolist(), expected(0))
            drawn = np.stack(first + second)[..., 1]
            self.assertLen(set(drawn.ravel()), drawn.size)  # Each image of each epoch has its seed,
            seeds.append(drawn)
            self.assertAllEqual([images for images, _ in source_of(made).from_step(7).take(1)], second[2:3])
        self.assertAllEqual(*seeds)  # which follows from its position.

    @parameterized.parameters(
        ((EXAMPLES, LABELS[:-1]), {}, r"balanced_batches needs a label for each of 30; got labels of shape \(29,\)"),
        (
            (EXAMPLES, LABELS / 2),
            {},
            "balanced_batches needs labels that are integers, booleans or strings; got float64",
        ),
        ((EXAMPLES, np.stack([LABELS, LABELS], axis=1)), {}, r"got \(30, 2\)\. For one-hot labels pass labels.argmax"),
        ((EXAMPLES, LABELS.astype(str)), {}, "balanced_batches needs numbered classes; got text. Number them by"),
        ((EXAMPLES, None), {}, "needs the labels"),
        ((EXAMPLES, LABELS), {"classes": 6}, "A batch needs 6 classes and the training set has 5"),
    )
    def test_refuses(self, data, settings, message):
        with self.assertRaisesRegex(ConfigError, message):
            ccp.balanced_batches(*data, **settings)

    def test_refuses_batched_datasets_and_labels_twice(self):
        dataset = tf.data.Dataset.from_tensor_slices(EXAMPLES)
        with self.assertRaisesRegex(ConfigError, r"dataset of \(example, label\), not batched"):
            ccp.balanced_batches(dataset)
        with self.assertRaisesRegex(ConfigError, "leave labels out"):
            ccp.balanced_batches(dataset, LABELS)
        with self.assertRaisesRegex(ConfigError, r"got \(5, 6\)"):
            ccp.balanced_batches(tf.data.Dataset.from_tensor_slices((EXAMPLES, LABELS)).batch(6))
