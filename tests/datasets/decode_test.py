"""Image files of every format and mode, against Pillow."""

import io

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from datasets.preprocessing import ImageFormat, decode
from tests.datasets import pictures

GREY, COLOUR = ImageFormat(16, 16, 1), ImageFormat(16, 16, 3, (0.5,) * 3)
_MODE = {1: "L", 3: "RGB"}

_LOSSLESS = [
    ("PNG", mode) for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA")
] + [("GIF", "L"), ("GIF", "P"), ("BMP", "L"), ("BMP", "RGB")]  # fmt: skip


class DecodeTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.product(kind=_LOSSLESS, image_format=(GREY, COLOUR))
    def test_lossless(self, kind, image_format):
        file_format, mode = kind
        file = pictures.file_of(pictures.photograph(mode), file_format)
        decoded = self.decoded(file, image_format)
        # Transparency is ignored: the colours that the file holds, as Pillow's convert has it.
        expected = np.asarray(Image.open(io.BytesIO(file)).convert("RGBA").convert(_MODE[image_format.channels]))
        self.assertAllEqual(decoded, expected.reshape(427, 640, image_format.channels))

    @parameterized.product(mode=("L", "RGB", "CMYK"), image_format=(GREY, COLOUR))
    def test_jpeg(self, mode, image_format):
        file = pictures.file_of(pictures.photograph(mode), "JPEG", quality=95)
        decoded = self.decoded(file, image_format).astype(float)
        expected = np.asarray(Image.open(io.BytesIO(file)).convert(_MODE[image_format.channels]), float)
        difference = np.abs(decoded - expected.reshape(427, 640, image_format.channels))
        # Decoders may differ in rounding and in how they interpolate colour, not in the picture.
        self.assertLess(difference.mean(), 1.5)

    def test_16_bits_become_8(self):
        levels = np.array([[0, 255, 256], [32768, 65280, 65535]], np.uint16)
        file = pictures.file_of(Image.fromarray(levels), "PNG")
        self.assertAllEqual(self.decoded(file, GREY)[..., 0], [[0, 0, 1], [128, 255, 255]])

    def test_grey_stays_what_it_is(self):
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
        self.assertAllEqual(self.decoded(pictures.png_of(levels[..., np.newaxis]), GREY)[..., 0], levels)

    def test_first_frame_of_an_animation(self):
        frames = [Image.new("L", (5, 4), level) for level in (10, 200)]
        file = pictures.file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
        for image_format in (GREY, COLOUR):
            self.assertAllEqual(self.decoded(file, image_format), np.full((4, 5, image_format.channels), 10))

    @parameterized.parameters(b"", b"no image", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0")
    def test_no_image(self, contents):
        with self.assertRaises(tf.errors.InvalidArgumentError):
            decode(tf.constant(contents), GREY)

    @parameterized.parameters("WEBP", "TIFF")
    def test_other_formats_are_refused(self, file_format):
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "One of JPEG, PNG, GIF, BMP required"):
            decode(tf.constant(pictures.file_of(pictures.photograph(), file_format)), COLOUR)

    def decoded(self, file, image_format):
        """Eagerly and in a graph, where the shape must be known as far as it can be."""
        eager = decode(tf.constant(file), image_format)
        dataset = tf.data.Dataset.from_tensors(file).map(lambda contents: decode(contents, image_format))
        self.assertEqual(dataset.element_spec, tf.TensorSpec([None, None, image_format.channels], tf.uint8))
        self.assertAllEqual(eager, next(iter(dataset)))
        return eager.numpy()
