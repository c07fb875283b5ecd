"""Augmentation: the same for the same seed, and the statistics of its boxes over many."""

import dataclasses
import functools
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized

from datasets.images.image import DecodedImage
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.preprocessing import evaluation_image, training_image
from tests.support import pictures
from tests.support.tensors import TensorTest

_SIZE = 32
_FORMAT = ImageFormat(_SIZE, _SIZE, 3)
_SEEDS = 400


@dataclasses.dataclass
class Boxes:
    """The boxes that were cut out, one per seed."""

    top: np.ndarray
    left: np.ndarray
    height: np.ndarray
    width: np.ndarray
    mirrored: np.ndarray


@functools.cache
def boxes(height: int, width: int, augmentation: Augmentation) -> Boxes:
    """Cuts boxes out of an image that holds its own coordinates and reads off where they were.

    Red is the row and green the column. Resizing a box of h rows to S is linear: pixel i of S shows row
    top + (i + 1/2) h / S − 1/2, away from the border, where the kernel is cut. Two pixels give top and h.
    """
    rows, columns = np.mgrid[:height, :width]
    image = tf.constant(np.stack([rows, columns, rows * 0], axis=-1).astype(np.uint8))

    @tf.function
    def cut(seeds):
        decoded = DecodedImage(image)
        return tf.map_fn(
            lambda seed: training_image(decoded, seed, _FORMAT, augmentation), seeds, fn_output_signature=tf.float32
        )

    cuts = cut(tf.stack([tf.zeros(_SEEDS, tf.int64), tf.range(_SEEDS, dtype=tf.int64)], axis=1)).numpy()
    first, last = 12, 20
    begin, end = cuts[:, first, first].astype(float), cuts[:, last, last].astype(float)
    slope = (end - begin) / (last - first)
    box_height, box_width = np.rint(_SIZE * slope[:, 0]), np.rint(_SIZE * np.abs(slope[:, 1]))
    mirrored = slope[:, 1] < 0
    top = begin[:, 0] + 0.5 - (first + 0.5) * box_height / _SIZE
    place = np.where(mirrored, _SIZE - 1 - first, first)
    left = begin[:, 1] + 0.5 - (place + 0.5) * box_width / _SIZE
    return Boxes(np.rint(top), np.rint(left), box_height, box_width, mirrored)


PAPER = Augmentation()
WRITING = Augmentation(min_crop_area=0.75, max_crop_aspect=1.15, flip=False)


class BoxesTest(parameterized.TestCase):
    @parameterized.product(shape=((200, 160), (100, 250), (105, 105)), augmentation=(PAPER, WRITING))
    def test_boxes_are_inside(self, shape, augmentation):
        b = boxes(*shape, augmentation)
        self.assertGreaterEqual(min(b.top.min(), b.left.min()), 0)
        self.assertLessEqual((b.top + b.height).max(), shape[0])
        self.assertLessEqual((b.left + b.width).max(), shape[1])

    @parameterized.product(shape=((200, 160), (100, 250), (105, 105), (60, 240)), augmentation=(PAPER, WRITING))
    def test_area(self, shape, augmentation):
        # Each side is rounded by at most half a pixel: (h + ½)(w + ½) ≥ the area that was drawn.
        b = boxes(*shape, augmentation)
        self.assertGreaterEqual(((b.height + 0.5) * (b.width + 0.5)).min() / np.prod(shape), augmentation.min_crop_area)

    @parameterized.product(shape=((200, 160), (105, 105)), augmentation=(PAPER, WRITING))
    def test_aspect(self, shape, augmentation):
        b = boxes(*shape, augmentation)
        uncut = (b.height < shape[0]) & (b.width < shape[1])
        self.assertGreater(uncut.sum(), 50)
        widest = (b.width[uncut] - 0.5) / (b.height[uncut] + 0.5)
        tallest = (b.width[uncut] + 0.5) / (b.height[uncut] - 0.5)
        self.assertLessEqual(widest.max(), augmentation.max_crop_aspect)
        self.assertGreaterEqual(tallest.min(), 1 / augmentation.max_crop_aspect)

    @parameterized.parameters(PAPER, WRITING)
    def test_both_ends_of_the_aspect_are_used(self, augmentation):
        # A box of the smallest area fits a square at either aspect: its long side is sqrt(0.75 · 1.15) = 0.93 of it.
        b = boxes(105, 105, augmentation)
        uncut = (b.height < 105) & (b.width < 105)
        ratio = b.width[uncut] / b.height[uncut]
        self.assertGreater(ratio.max(), augmentation.max_crop_aspect * 0.97)
        self.assertLess(ratio.min(), 1.03 / augmentation.max_crop_aspect)

    def test_a_box_too_long_is_cut(self):
        # Of 100 × 250, a box of more than 0.4 of the area and aspect 1 is higher than the image.
        b = boxes(100, 250, PAPER)
        self.assertGreater((b.height == 100).mean(), 0.3)

    def test_areas_are_spread_evenly(self):
        # Uniform on [0.16, 1]: mean 0.58, deviation 0.84 / sqrt(12) = 0.242, of 400 draws 0.012. Boxes of nearly
        # the whole 105 × 105 are cut: at aspect a only what is above area 1 / a, to sqrt(area / a); a few percent.
        b = boxes(105, 105, PAPER)
        area = b.height * b.width / 105**2
        self.assertBetween(area.mean(), 0.58 - 0.05, 0.58 + 0.04)
        # A quarter of the draws is below 0.16 + 0.84 / 4 = 0.37; binomial deviation of 400: 2.2%.
        self.assertBetween((area < 0.37).mean(), 0.25 - 0.07, 0.25 + 0.07)

    def test_places_are_spread_evenly(self):
        b = boxes(200, 160, PAPER)
        for begin, side, whole in ((b.top, b.height, 200), (b.left, b.width, 160)):
            room = whole - side
            place = begin[room > 20] / room[room > 20]
            self.assertBetween(place.mean(), 0.44, 0.56)
            self.assertLess(place.min(), 0.05)
            self.assertGreater(place.max(), 0.95)

    def test_places_are_independent(self):
        # Top against left among boxes with room in both: of some 300, a correlation has a deviation of 0.06.
        b = boxes(200, 160, PAPER)
        room = (b.height < 180) & (b.width < 140)
        top, left = (b.top / (200 - b.height + 1))[room], (b.left / (160 - b.width + 1))[room]
        self.assertLess(abs(np.corrcoef(top, left)[0, 1]), 0.25)

    def test_half_are_mirrored(self):
        # Of 400: 200, deviation 10; four of them are 40.
        self.assertBetween(boxes(200, 160, PAPER).mirrored.sum(), 160, 240)

    def test_writing_is_never_mirrored(self):
        self.assertFalse(boxes(105, 105, WRITING).mirrored.any())


class TrainingImageTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.photograph = tf.constant(np.asarray(pictures.photograph())[:100, 200:320])

    @parameterized.parameters(tf.int32, tf.int64)
    def test_follows_the_seed(self, dtype):
        first, again, other = (
            training_image(DecodedImage(self.photograph), tf.constant(seed, dtype), _FORMAT, PAPER)
            for seed in ((1, 5), (1, 5), (1, 6))
        )
        self.assertEqual((first.shape, first.dtype), ((_SIZE, _SIZE, 3), tf.float32))
        self.assertAllEqual(first, again)
        self.assertNotAllClose(first, other, atol=1.0)

    def test_needs_no_lower_resolution_than_that_of_the_network(self):
        with mock.patch.object(DecodedImage, "read", autospec=True, side_effect=DecodedImage.read) as read:
            training_image(DecodedImage(self.photograph), tf.constant([0, 0]), _FORMAT, PAPER)
        self.assertAllEqual(read.call_args[1]["at_least"], [_SIZE, _SIZE])

    def test_large_and_negative_seeds(self):
        seeds = [(2**40, 2**40), (2**40, -(2**40)), (0, 2**40), (0, 0)]
        photograph = DecodedImage(self.photograph)
        images = [training_image(photograph, tf.constant(s, tf.int64), _FORMAT, PAPER).numpy() for s in seeds]
        self.assertLen({image.tobytes() for image in images}, 4)

    def test_the_whole_image_is_the_evaluation_image(self):
        # A square that is neither cut nor mirrored and stays in its aspect.
        square = self.photograph[:, :100]
        image = training_image(DecodedImage(square), tf.constant([0, 0]), _FORMAT, Augmentation(1.0, 1.0, flip=False))
        self.assertAllClose(image, evaluation_image(DecodedImage(square), _FORMAT), rtol=0, atol=1e-3)

    @parameterized.parameters((1, 1), (1, 500), (500, 1), (3, 2))
    def test_tiny_and_long_images(self, height, width):
        image = tf.zeros([height, width, 3], tf.uint8)
        for seed in range(20):
            self.assertAllEqual(
                training_image(DecodedImage(image), tf.constant([0, seed]), _FORMAT, WRITING),
                tf.zeros([_SIZE, _SIZE, 3]),
            )

    @parameterized.parameters(PAPER, WRITING)
    def test_inside_a_pipeline(self, augmentation):
        seeds = tf.stack([tf.zeros(8, tf.int64), tf.range(8, dtype=tf.int64)], axis=1)
        dataset = tf.data.Dataset.from_tensor_slices(seeds).map(
            lambda seed: training_image(DecodedImage(self.photograph), seed, _FORMAT, augmentation),
            num_parallel_calls=2,
        )
        for seed, image in zip(seeds, dataset):
            self.assertAllEqual(image, training_image(DecodedImage(self.photograph), seed, _FORMAT, augmentation))
