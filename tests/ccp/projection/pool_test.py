"""Candidates drawn from training data of any kind."""

import itertools

import numpy as np
import tensorflow as tf

import ccp
from ccp.errors import ConfigError
from ccp.projection.pool import candidates_from

# Embeddings are twice the images, which are their own numbers.
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1, 0, 0])
IMAGES = np.arange(10, dtype=np.float32)[:, np.newaxis]


def doubled(images, training):
    assert not training
    return 2.0 * images


class CandidatesTest(tf.test.TestCase):
    def dataset(self):
        return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(3)

    def test_a_dataset_is_read_until_every_class_has_its_candidates(self):
        pool = candidates_from(doubled, 3, self.dataset())(0, 2)
        self.assertAllEqual(pool[..., 0], [[0, 6], [2, 8], [4, 10]])

    def test_embeddings_repeat_in_a_class_that_has_fewer(self):
        pool = candidates_from(doubled, 3, self.dataset())(0, 4)
        self.assertAllEqual(pool[..., 0], [[0, 6, 12, 16], [2, 8, 14, 2], [4, 10, 4, 10]])

    def test_balanced_batches_give_exactly_the_drawn_candidates(self):
        candidates = candidates_from(doubled, 3, ccp.balanced_batches(IMAGES, LABELS, classes=1, per_class=1))
        pools = [candidates(draw, 2).numpy()[..., 0] for draw in (0, 0, 1)]
        self.assertAllEqual(pools[0], pools[1])
        self.assertNotAllEqual(pools[0], pools[2])
        for pool in pools:
            self.assertAllEqual(LABELS[(pool / 2).astype(int)], [[0, 0], [1, 1], [2, 2]])
            self.assertAllEqual([len(set(of_class)) for of_class in pool], [2, 2, 2])

    def test_a_function_of_the_position_is_asked_for_the_epoch_of_the_projection(self):
        asked = []

        def batches(epoch, step):
            asked.append((epoch, step))
            return ((IMAGES + epoch, LABELS) for _ in itertools.count())

        pool = candidates_from(doubled, 3, batches)(5, 1)
        self.assertEqual(asked, [(5, 0)])
        self.assertAllEqual(pool[..., 0], [[10], [12], [14]])

    def test_a_class_that_never_occurs_is_named(self):
        endless = self.dataset().repeat()
        with self.assertRaisesRegex(ConfigError, r"none of 2 of 5 classes \(labels 3, 4\)"):
            candidates_from(doubled, 5, endless)(0, 1)

    def test_labels_without_proxies_are_named(self):
        with self.assertRaisesRegex(ConfigError, "for the labels 0 to 1; the training data has labels from 0 to 2"):
            candidates_from(doubled, 2, self.dataset())(0, 1)
