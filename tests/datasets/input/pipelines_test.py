"""Training batches, candidate pools and evaluation images over the digits."""

import itertools

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from ccp.errors import ConfigError
from ccp.sampling import candidates_per_class, m_per_class
from datasets.benchmarks import digits
from datasets.examples import Examples, split_examples
from datasets.images.image import DecodedImage
from datasets.images.sources import ImagesInMemory
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.pipelines import EvaluationImages, TrainingImages
from datasets.input.preprocessing import evaluation_image
from datasets.settings import DataSettings
from tests.support.tensors import TensorTest

FORMAT = ImageFormat(12, 12, 1)
WRITING = Augmentation(min_crop_area=0.75, max_crop_aspect=1.15, flip=False)
# The whole image as it is: what comes out says which image went in.
NONE = Augmentation(min_crop_area=1.0, max_crop_aspect=1.0, flip=False)
P, M, STEPS = 3, 2, 4


def _train() -> Examples:
    """30 images of each digit from 0 to 4."""
    train = split_examples(digits.load(DataSettings()), "train")
    return train.subset(np.concatenate([np.flatnonzero(train.labels == c)[:30] for c in range(5)]))


def _repeated(image: np.ndarray, count: int) -> Examples:
    """One class of one image, stored often."""
    pixels = np.repeat(image[np.newaxis], count, axis=0)
    names = np.array([f"copy {i}" for i in range(count)], object)
    return Examples(ImagesInMemory(pixels, names), np.zeros(count, np.int64), ("0",), np.full(count, ""))


def _batches(examples, seed=1, epoch=0, step=0, augmentation=WRITING, p=P, m=M, steps=STEPS):
    images = TrainingImages(examples, FORMAT, augmentation, seed)
    return images.batches(classes_per_batch=p, examples_per_class=m, steps_per_epoch=steps, epoch=epoch, step=step)


class PipelinesTest(TensorTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.examples = _train()
        pixels = cls.examples.images.pixels
        cls.prepared = np.stack([evaluation_image(DecodedImage(tf.constant(image)), FORMAT) for image in pixels])

    def take(self, count, **options):
        batches = itertools.islice(_batches(self.examples, **options), count)
        return [(images.numpy(), labels.numpy()) for images, labels in batches]

    def test_images_and_labels_are_those_of_the_index_matrix(self):
        batches = self.take(STEPS + 1, augmentation=NONE)
        indices = np.concatenate([m_per_class(self.examples.labels, P, M, STEPS, 1, epoch) for epoch in (0, 1)])
        for own, (images, labels) in zip(indices, batches):
            self.assertEqual((images.dtype, labels.dtype), (np.float32, np.int64))
            self.assertAllEqual(labels, self.examples.labels[own])
            self.assertAllClose(images, self.prepared[own], rtol=0, atol=1e-3)

    @parameterized.parameters((0, 1), (0, 3), (1, 0), (2, 3))
    def test_starting_anywhere_is_getting_there(self, epoch, step):
        gone = self.take(epoch * STEPS + step + 6)[-6:]
        for (images, labels), (expected_images, expected_labels) in zip(self.take(6, epoch=epoch, step=step), gone):
            np.testing.assert_array_equal(labels, expected_labels)
            np.testing.assert_array_equal(images, expected_images)  # Bit for bit.

    def test_is_endless(self):
        count = sum(1 for _ in itertools.islice(_batches(self.examples), 5 * STEPS + 1))
        self.assertEqual(count, 5 * STEPS + 1)

    def test_follows_the_seed(self):
        (first, _), (again, _), (other, _) = (self.take(1, seed=seed)[0] for seed in (1, 1, 2))
        self.assertAllEqual(first, again)
        self.assertNotAllClose(first, other)

    def test_every_image_of_every_batch_is_augmented_in_its_own_way(self):
        # All that differs is the augmentation.
        batches = _batches(_repeated(self.examples.images.pixels[0], 30), augmentation=Augmentation(), p=1, m=10)
        seen = {image.tobytes() for images, _ in itertools.islice(batches, 6) for image in images.numpy()}
        # 60 draws among some hundred boxes of an 8 × 8 image (sides of 3 to 8 pixels), mirrored or not; a few alike.
        self.assertGreater(len(seen), 40)

    def test_too_few_classes(self):
        with self.assertRaisesRegex(ConfigError, "ask for 5 classes per batch, or fewer"):
            _batches(self.examples, p=6)

    def candidates(self, draw, augmentation=WRITING, num_candidates=60, seed=1):
        images = TrainingImages(self.examples, FORMAT, augmentation, seed)
        return [batch.numpy() for batch in images.candidates(num_candidates, draw)]

    @parameterized.parameters(0, 3)
    def test_candidates_come_class_by_class(self, draw):
        # 5 classes of 60 candidates, more than each has: 300, in batches of 256 and 44.
        batches = self.candidates(draw, augmentation=NONE)
        self.assertEqual([images.shape for images in batches], [(256, 12, 12, 1), (44, 12, 12, 1)])
        indices = candidates_per_class(self.examples.labels, 60, 1, draw)
        self.assertAllEqual(self.examples.labels[indices], np.repeat(np.arange(5), 60).reshape(5, 60))
        self.assertAllClose(np.concatenate(batches), self.prepared[indices.ravel()], rtol=0, atol=1e-3)

    def test_candidates_follow_seed_and_draw(self):
        first, again, later, other = (
            np.concatenate(self.candidates(draw, num_candidates=4, seed=seed))
            for draw, seed in ((1, 1), (1, 1), (2, 1), (1, 2))
        )
        np.testing.assert_array_equal(first, again)
        self.assertNotAllClose(first, later)
        self.assertNotAllClose(first, other)

    def test_candidates_are_augmented_anew_at_each_draw(self):
        images = TrainingImages(_repeated(self.examples.images.pixels[0], 2), FORMAT, Augmentation(), seed=0)
        seen = {image.tobytes() for draw in range(6) for batch in images.candidates(4, draw) for image in batch.numpy()}
        self.assertGreater(len(seen), 16)  # Of 24.

    def test_evaluation_keeps_the_order(self):
        some = split_examples(digits.load(DataSettings()), "train").subset(np.arange(300))
        evaluation = EvaluationImages(some, FORMAT)
        first = [(indices, images.numpy()) for indices, images in evaluation]
        self.assertEqual([len(images) for _, images in first], [256, 44])
        np.testing.assert_array_equal(np.concatenate([indices for indices, _ in first]), np.arange(300))
        pixels = some.images.pixels
        expected = np.stack([evaluation_image(DecodedImage(tf.constant(image)), FORMAT) for image in pixels])
        self.assertAllEqual(np.concatenate([images for _, images in first]), expected)
        next(iter(evaluation))  # A pass that ends early.
        for _ in range(3):
            passes = list(evaluation)
            self.assertLen(passes, 2)
            for (_, images), (_, again) in zip(first, passes):
                np.testing.assert_array_equal(images, again)
