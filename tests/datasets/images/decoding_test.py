"""Image files of every format and mode, and windows of them, against Pillow."""

import io

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from datasets.images.decoding import open_image
from datasets.images.image import BoxedImage, read_all
from datasets.images.windows import Window
from tests.support import pictures, reading
from tests.support.reading import png
from tests.support.tensors import TensorTest

_MODE = {1: "L", 3: "RGB"}
_BOX = (100, 50, 167, 91)


def _small(mode, file_format, **options):
    return pictures.file_of(pictures.photograph(mode).crop(_BOX), file_format, **options)


def _interlaced(pixels):
    """A PNG file of [height, width, 3] pixels in Adam7's seven passes: first row and column, and steps of both."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = [row.tobytes() for top, left, down, right in passes for row in pixels[top::down, left::right]]
    return png(*pixels.shape[:2], 8, 2, rows, interlaced=True)


class DecodingTest(TensorTest):
    @parameterized.parameters("1", "L", "LA", "P", "PA", "RGB", "RGBA")
    def test_png(self, mode):
        file = _small(mode, "PNG")
        # Transparency is ignored: the colours that the file holds, as Pillow's convert has it.
        colours = Image.open(io.BytesIO(file)).convert("RGBA")
        for channels in (1, 3):
            self.assert_reads(file, np.asarray(colours.convert(_MODE[channels])).reshape(41, 67, channels))

    @parameterized.parameters(("GIF", "P"), ("BMP", "P"), ("BMP", "RGB"), ("WEBP", "RGB"), ("TIFF", "CMYK"))
    def test_formats_that_pillow_decodes(self, file_format, mode):
        file = _small(mode, file_format)
        expected = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
        self.assertAllEqual(reading.eagerly(file), expected)
        self.assertAllEqual(reading.whole_reader()(file), expected)
        self.assertEqual(reading.refusal(file, served=True), "The file is no JPEG or PNG image")

    def test_kinds_of_png(self):
        colours = np.asarray(pictures.photograph().crop(_BOX))
        levels = np.asarray(pictures.photograph("L").crop(_BOX))
        grey = np.repeat(levels[..., np.newaxis], 3, axis=2)
        deep = (colours.astype(np.uint16) * 256 + 255).astype(">u2")  # Of 16 bits the lower 8 are dropped.
        two_bits = np.packbits(np.unpackbits(levels[..., np.newaxis], axis=2)[..., :2].reshape(41, -1), axis=1)
        for file, expected in (
            (_interlaced(colours), colours),
            (png(41, 67, 16, 2, [row.tobytes() for row in deep]), colours),
            (png(41, 67, 16, 0, [row.tobytes() for row in deep[..., 0]]), np.repeat(colours[..., :1], 3, axis=2)),
            (png(41, 67, 2, 0, [row.tobytes() for row in two_bits]), grey // 64 * 85),  # 0 … 3 become 0 … 255.
            (_small("L", "PNG", transparency=levels[0, 0].item()), grey),
            (_small("RGB", "PNG", transparency=tuple(colours[0, 0].tolist())), colours),
        ):
            self.assert_reads(file, expected)

    def test_grey_stays_what_it_is(self):
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
        self.assert_reads(pictures.png_of(levels), levels)

    def test_luma_of_a_window(self):
        # 0.299 · 255 = 76.2, 0.587 · 255 = 149.7, 0.114 · 255 = 29.1.
        colours = np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])
        read = reading.reader(channels=1)
        self.assertAllEqual(read(pictures.png_of(colours), [0, 1], [1, 2]), [[[150], [29]]])

    @parameterized.parameters("JPEG", "PNG", "WEBP")
    def test_windows(self, file_format):
        rng, file = np.random.default_rng(0), _small("RGB", file_format)
        everything = reading.whole_reader()(file)
        for _ in range(20):
            begin, size = reading.random_window(rng, 41, 67)
            (top, left), (bottom, right) = begin, begin + size
            self.assertAllEqual(reading.reader()(file, begin, size), everything[top:bottom, left:right])

    @parameterized.parameters("JPEG", "PNG", "WEBP")
    def test_size_and_box(self, file_format):
        image = open_image(tf.constant(_small("RGB", file_format)))
        self.assertAllEqual(image.size, [41, 67])
        boxed = BoxedImage(image, tf.constant([60, -2, 90, 9]))  # Cut to the image.
        self.assertAllEqual(boxed.size, [9, 7])
        self.assertAllEqual(boxed.read(Window([2, 1], [5, 6])), read_all(image)[2:7, 61:67])

    def test_saved_without_python(self):
        class Module(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
            def read(self, contents):
                return read_all(open_image(contents, served=True))

        folder = str(pictures.folder_for(self))
        tf.saved_model.save(Module(), folder)
        loaded = tf.saved_model.load(folder)
        for file_format in ("JPEG", "PNG"):
            file = _small("RGB", file_format)
            self.assertAllEqual(loaded.read(file), reading.whole_reader()(file))
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "The file is no JPEG or PNG image"):
            loaded.read(_small("RGB", "WEBP"))

    def assert_reads(self, file, expected):
        """Eagerly and in graphs, where the shape must be known as far as it can be; in training and served."""
        channels = expected.shape[-1]
        self.assertAllEqual(reading.eagerly(file, channels=channels), expected)
        for served in (False, True):
            read = reading.whole_reader(served, channels)
            self.assertAllEqual(read(file), expected)
            output = read.get_concrete_function().structured_outputs
            self.assertEqual((output.shape.as_list(), output.dtype), ([None, None, channels], tf.uint8))
