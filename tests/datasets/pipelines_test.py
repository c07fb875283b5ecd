"""Training batches, candidate pools and evaluation batches over the digits."""

import itertools

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets import digits, pipelines
from datasets.manifest import DataError, Examples
from datasets.preprocessing import WRITING, Augmentation, ImageFormat, evaluation_image
from datasets.sampling import candidates_per_class, m_per_class

FORMAT = ImageFormat(12, 12, 1)
# The whole image as it is: what comes out says which image went in.
NONE = Augmentation(min_area=1.0, aspect=1.0, flip=False)
P, M, STEPS = 3, 2, 4


def _train() -> Examples:
    """30 images of each digit from 0 to 4."""
    train, _ = digits.load()
    return train.subset(np.concatenate([np.flatnonzero(train.labels == c)[:30] for c in range(5)]))


def _batches(examples, seed=1, epoch=0, step=0, augmentation=WRITING):
    return pipelines.training_batches(
        examples,
        FORMAT,
        augmentation,
        classes_per_batch=P,
        examples_per_class=M,
        steps_per_epoch=STEPS,
        seed=seed,
        epoch=epoch,
        step=step,
    )


class PipelinesTest(parameterized.TestCase, tf.test.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.examples = _train()
        cls.prepared = np.stack([evaluation_image(tf.constant(i), FORMAT) for i in cls.examples.images])

    def take(self, count, **options):
        return [(images.numpy(), labels.numpy()) for images, labels in _batches(self.examples, **options).take(count)]

    def test_shapes(self):
        specs = _batches(self.examples).element_spec
        self.assertEqual(specs[1].dtype, tf.int64)
        for images, labels in self.take(2):
            self.assertEqual((images.shape, images.dtype), ((P * M, 12, 12, 1), np.float32))
            self.assertEqual((labels.shape, labels.dtype), ((P * M,), np.int64))

    def test_images_and_labels_are_those_of_the_index_matrix(self):
        batches = self.take(STEPS + 1, augmentation=NONE)
        indices = np.concatenate([m_per_class(self.examples.labels, P, M, STEPS, 1, epoch) for epoch in (0, 1)])
        for own, (images, labels) in zip(indices, batches):
            self.assertAllEqual(labels, self.examples.labels[own])
            self.assertAllClose(images, self.prepared[own], rtol=0, atol=1e-5)

    @parameterized.parameters((0, 1), (0, 3), (1, 0), (2, 3))
    def test_starting_anywhere_is_getting_there(self, epoch, step):
        gone = self.take(epoch * STEPS + step + 6)[-6:]
        for (images, labels), (expected_images, expected_labels) in zip(self.take(6, epoch=epoch, step=step), gone):
            np.testing.assert_array_equal(labels, expected_labels)
            np.testing.assert_array_equal(images, expected_images)  # Bit for bit.

    def test_is_endless(self):
        count = sum(1 for _ in itertools.islice(_batches(self.examples), 5 * STEPS + 1))
        self.assertEqual(count, 5 * STEPS + 1)
        self.assertEqual(_batches(self.examples).cardinality(), tf.data.UNKNOWN_CARDINALITY)

    def test_follows_the_seed(self):
        (first, _), (again, _), (other, _) = (self.take(1, seed=seed)[0] for seed in (1, 1, 2))
        self.assertAllEqual(first, again)
        self.assertNotAllClose(first, other)

    def test_every_image_of_every_batch_is_augmented_in_its_own_way(self):
        # One class of one image stored 30 times: all that differs is the augmentation.
        one = Examples(np.repeat(self.examples.images[:1], 30, axis=0), np.zeros(30, np.int64), ("0",))
        batches = pipelines.training_batches(
            one, FORMAT, Augmentation(), classes_per_batch=1, examples_per_class=10, steps_per_epoch=2, seed=0
        )
        seen = {image.tobytes() for images, _ in batches.take(6) for image in images.numpy()}
        # 60 draws among some hundred boxes of an 8 × 8 image (sides of 3 to 8 pixels), mirrored or not; a few alike.
        self.assertGreater(len(seen), 40)

    def test_too_few_classes(self):
        with self.assertRaisesRegex(DataError, "lower --classes_per_batch to at most 5"):
            pipelines.training_batches(
                self.examples, FORMAT, WRITING, classes_per_batch=6, examples_per_class=1, steps_per_epoch=1, seed=0
            )

    def candidates(self, draw, augmentation=WRITING, num_candidates=60, seed=1):
        batches = pipelines.candidate_batches(
            self.examples, FORMAT, augmentation, num_candidates=num_candidates, seed=seed, draw=draw
        )
        return [images.numpy() for images in batches]

    @parameterized.parameters(0, 3)
    def test_candidates_come_class_by_class(self, draw):
        # 5 classes of 60 candidates, more than each has: 300, in batches of 256 and 44.
        batches = self.candidates(draw, augmentation=NONE)
        self.assertEqual([images.shape for images in batches], [(256, 12, 12, 1), (44, 12, 12, 1)])
        indices = candidates_per_class(self.examples.labels, 60, 1, draw)
        self.assertAllEqual(self.examples.labels[indices], np.repeat(np.arange(5), 60).reshape(5, 60))
        self.assertAllClose(np.concatenate(batches), self.prepared[indices.ravel()], rtol=0, atol=1e-5)

    def test_candidates_follow_seed_and_draw(self):
        first, again, later, other = (
            np.concatenate(self.candidates(draw, num_candidates=4, seed=seed))
            for draw, seed in ((1, 1), (1, 1), (2, 1), (1, 2))
        )
        np.testing.assert_array_equal(first, again)
        self.assertNotAllClose(first, later)
        self.assertNotAllClose(first, other)

    def test_candidates_are_augmented_anew_at_each_draw(self):
        one = Examples(self.examples.images[[0, 0]], np.zeros(2, np.int64), ("0",))
        seen = set()
        for draw in range(6):
            pool = pipelines.candidate_batches(one, FORMAT, Augmentation(), num_candidates=4, seed=0, draw=draw)
            seen |= {image.tobytes() for images in pool for image in images.numpy()}
        self.assertGreater(len(seen), 16)  # Of 24.

    def test_evaluation_keeps_the_order(self):
        train, _ = digits.load()
        part = train.subset(np.arange(300))
        batches = pipelines.evaluation_batches(part, FORMAT)
        first = [images.numpy() for images in batches]
        self.assertEqual([len(images) for images in first], [256, 44])
        expected = np.stack([evaluation_image(tf.constant(image), FORMAT) for image in part.images])
        self.assertAllEqual(np.concatenate(first), expected)
        for images, again in zip(first, batches):
            np.testing.assert_array_equal(images, again)
