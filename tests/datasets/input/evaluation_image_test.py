"""Evaluation preprocessing against plain interpolation and Pillow's resize, and the place of the centre crop."""

import io

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from datasets.images.decoding import open_image
from datasets.images.image import DecodedImage
from datasets.input.formats import ImageFormat
from datasets.input.preprocessing import evaluation_image
from tests.support import pictures
from tests.support.tensors import TensorTest


def _format(size, resize=None, channels=1) -> ImageFormat:
    return ImageFormat(size, resize or size, channels)


def _prepared(image: np.ndarray, image_format: ImageFormat) -> tf.Tensor:
    return evaluation_image(DecodedImage(tf.constant(image)), image_format)


def _resized(pixels: np.ndarray, height: int, width: int) -> np.ndarray:
    """Plain bilinear interpolation, or Pillow's, which widens its kernel, where either side shrinks more than twice."""
    if max(pixels.shape[0] / height, pixels.shape[1] / width) > 2:
        planes = [Image.fromarray(plane.astype(np.float32)) for plane in np.moveaxis(pixels, -1, 0)]
        return np.stack([np.asarray(plane.resize((width, height), Image.BILINEAR)) for plane in planes], axis=-1)
    for axis, size in ((0, height), (1, width)):
        # Pixel i of the result is at (i + 1/2) · stored / size − 1/2; np.interp holds the ends.
        at = (np.arange(size) + 0.5) * pixels.shape[axis] / size - 0.5
        stored = np.arange(pixels.shape[axis])
        pixels = np.apply_along_axis(lambda line, at=at, stored=stored: np.interp(at, stored, line), axis, pixels)
    return pixels


def _random_image(height, width, channels=1) -> np.ndarray:
    return np.random.default_rng([height, width]).integers(0, 256, (height, width, channels), np.uint8)


class EvaluationImageTest(TensorTest):
    @parameterized.parameters((8, 1), (28, 1), (28, 3))
    def test_an_image_of_the_right_size_stays_as_it_is(self, size, channels):
        image = _random_image(size, size, channels)
        prepared = _prepared(image, _format(size, channels=channels))
        self.assertEqual((prepared.shape, prepared.dtype), ((size, size, channels), tf.float32))
        self.assertAllEqual(prepared, image)

    @parameterized.product(stored=(1, 2, 7, 8, 16, 17, 50, 105), size=(8, 16, 28))
    def test_squares_of_any_size(self, stored, size):
        image = _random_image(stored, stored)
        prepared = _prepared(image, _format(size))
        self.assertAllClose(prepared, _resized(image, size, size), rtol=0, atol=0.01)

    @parameterized.parameters(False, True)
    def test_a_photograph(self, is_upright):
        # 427 × 640, shorter side to 256: 640 · 256 / 427 = 383.7, so 256 × 384. The crop of 227 begins at
        # (256 − 227) // 2 = 14 and (384 − 227) // 2 = 78.
        photograph = np.asarray(pictures.photograph())
        expected = _resized(photograph, 256, 384)[14 : 14 + 227, 78 : 78 + 227]
        if is_upright:
            photograph, expected = np.swapaxes(photograph, 0, 1), np.swapaxes(expected, 0, 1)
        self.assertAllClose(_prepared(photograph, _format(227, 256, 3)), expected, rtol=0, atol=0.05)

    @parameterized.parameters((20, 40, (0, 10)), (40, 20, (10, 0)), (20, 21, (0, 0)), (20, 23, (0, 1)))
    def test_the_crop_is_in_the_middle(self, height, width, begin):
        # Without resizing, a crop of 20 begins at half of what is left, rounded down.
        image = _random_image(height, width)
        prepared = _prepared(image, _format(20))
        top, left = begin
        self.assertAllClose(prepared, image[top : top + 20, left : left + 20], rtol=0, atol=0.01)

    def test_aspect_is_kept(self):
        # A disc of radius 60 in the middle of 200 × 400; at a quarter of the size it is one of radius 15,
        # as high as it is wide, in a crop of 50: rows 10 to 40.
        y, x = np.mgrid[:200, :400] + 0.5
        disc = np.where((y - 100) ** 2 + (x - 200) ** 2 < 60**2, 255, 0).astype(np.uint8)[..., np.newaxis]
        prepared = _prepared(disc, _format(50)).numpy()[..., 0] > 127
        rows, columns = np.flatnonzero(prepared.any(axis=1)), np.flatnonzero(prepared.any(axis=0))
        self.assertEqual((rows[0], rows[-1], columns[0], columns[-1]), (10, 39, 10, 39))

    @parameterized.parameters((1, 500), (500, 1), (2, 301))
    def test_extreme_aspect(self, height, width):
        # A ramp along the long side, v(x) = x / 2 in grey levels. From 1 × 500 to 16 × 8000, a window of 16 in
        # the middle spans one pixel of the 500 around position 249.5.
        ramp = np.arange(max(height, width)) / 2.0
        image = np.broadcast_to(ramp.reshape((-1, 1) if height > width else (1, -1)), (height, width))
        prepared = _prepared(image[..., np.newaxis].astype(np.float32), _format(16))
        self.assertEqual(prepared.shape, (16, 16, 1))
        middle = (max(height, width) - 1) / 4.0
        span = 16 / (16 / min(height, width)) / 4.0  # Half the window, in pixels of the ramp, times its slope.
        self.assertAllInRange(prepared, middle - span, middle + span)

    @parameterized.parameters((1, 2_000_000), (2_000_000, 1))
    def test_a_very_long_image_takes_little_memory(self, height, width):
        # Resized whole it would be 256 × 512,000,000 pixels, half a terabyte.
        image = tf.fill([height, width, 1], tf.constant(255, tf.uint8))
        self.assertAllEqual(_prepared(image, ImageFormat(227, 256, 1)), np.full((227, 227, 1), 255))

    @parameterized.parameters((227, 1), (1, 227), (180, 240))
    def test_small_files_are_read_as_they_are(self, height, width):
        picture = pictures.photograph().crop((0, 0, width, height))
        file = pictures.file_of(picture, "JPEG", quality=90)
        prepared = evaluation_image(open_image(tf.constant(file)), _format(150, 170, 3))
        self.assertAllEqual(prepared, _prepared(np.asarray(Image.open(io.BytesIO(file))), _format(150, 170, 3)))

    @parameterized.parameters("JPEG", "PNG")
    def test_large_photographs_come_out_nearly_the_same(self, file_format):
        picture = pictures.photograph()  # 427 × 640, of which 1/4 and 1/8 are enough for 80 and 50.
        file = pictures.file_of(picture, file_format, quality=95)
        for size in (80, 50):
            exact = _prepared(np.asarray(Image.open(io.BytesIO(file))), _format(size, size, 3))
            prepared = evaluation_image(open_image(tf.constant(file)), _format(size, size, 3))
            difference = np.abs(prepared - exact)
            self.assertEqual(np.any(difference > 0), file_format == "JPEG")
            self.assertLess(np.mean(difference), 6.0)
            self.assertLess(abs(np.mean(prepared) - np.mean(exact)), 1.0)
            self.assertGreater(np.corrcoef(np.ravel(prepared), np.ravel(exact))[0, 1], 0.99)

    def test_inside_a_pipeline(self):
        images = [_random_image(*shape) for shape in ((8, 8), (30, 17), (5, 90))]
        fmt = _format(16, 18)
        dataset = tf.data.Dataset.from_generator(
            lambda: iter(images), output_signature=tf.TensorSpec([None, None, 1], tf.uint8)
        ).map(lambda image: evaluation_image(DecodedImage(image), fmt))
        self.assertEqual(dataset.element_spec.shape, (16, 16, 1))
        for image, prepared in zip(images, dataset):
            self.assertAllEqual(prepared, _prepared(image, fmt))
