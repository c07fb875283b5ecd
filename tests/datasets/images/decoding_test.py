"""Image files of every format and mode, and parts of them, against Pillow."""

import io

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from datasets.images.decoding import read_window
from datasets.images.windows import whole
from tests.support import pictures, reading
from tests.support.reading import ALONE, WITH_PILLOW, png

_MODE = {1: "L", 3: "RGB"}
_BOX = (100, 50, 167, 91)

_LOSSLESS = (
    [("PNG", mode) for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA")]
    + [("GIF", "L"), ("GIF", "P"), ("BMP", "RGB"), ("BMP", "RGBA")]
)  # fmt: skip
_PILLOW_ONLY = [("BMP", "1"), ("BMP", "L"), ("BMP", "P"), ("WEBP", "RGB"), ("TIFF", "RGB"), ("TIFF", "CMYK")]


def _small(mode, file_format, **options):
    return pictures.file_of(pictures.photograph(mode).crop(_BOX), file_format, **options)


def _interlaced(pixels):
    """A PNG file of [height, width, 3] pixels in Adam7's seven passes: first row and column, and steps of both."""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    rows = [row.tobytes() for top, left, down, right in passes for row in pixels[top::down, left::right]]
    return png(*pixels.shape[:2], 8, 2, rows, interlaced=True)


class DecodingTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(ALONE, WITH_PILLOW)
    def test_lossless(self, way):
        for file_format, mode in _LOSSLESS:
            file = _small(mode, file_format)
            # Transparency is ignored: the colours that the file holds, as Pillow's convert has it.
            colours = Image.open(io.BytesIO(file)).convert("RGBA")
            for channels in (1, 3):
                expected = np.asarray(colours.convert(_MODE[channels])).reshape(41, 67, channels)
                self.assert_reads(file, expected, way, f"{file_format} {mode}")

    def test_what_only_pillow_reads(self):
        for file_format, mode in _PILLOW_ONLY:
            file = _small(mode, file_format)
            for channels in (1, 3):
                expected = np.asarray(Image.open(io.BytesIO(file)).convert("RGB").convert(_MODE[channels]))
                self.assert_reads(file, expected.reshape(41, 67, channels), WITH_PILLOW, f"{file_format} {mode}")
            palette = file_format == "BMP"
            said = "The BMP image is compressed or has a palette" if palette else "The file is no JPEG, PNG, GIF or BMP"
            self.assertStartsWith(reading.refusal(file, ALONE), said)

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
            self.assert_reads(file, expected, ALONE)

    def test_grey_stays_what_it_is(self):
        levels = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
        self.assert_reads(pictures.png_of(levels), levels, ALONE)

    def test_luma_is_of_the_part(self):
        # 0.299 · 255 = 76.2, 0.587 · 255 = 149.7, 0.114 · 255 = 29.1.
        colours = np.uint8([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]])
        for way in (ALONE, WITH_PILLOW):
            read = reading.reader(way, channels=1)
            self.assertAllEqual(read(pictures.png_of(colours), [0, 1], [1, 2]), [[[150], [29]]])

    def test_first_frame_of_an_animation(self):
        frames = [Image.new("L", (5, 4), level) for level in (10, 200)]
        file = pictures.file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])
        for way in (ALONE, WITH_PILLOW):
            self.assert_reads(file, np.full((4, 5, 3), 10), way)

    @parameterized.parameters(ALONE, WITH_PILLOW)
    def test_parts(self, way):
        rng = np.random.default_rng(0)
        for file_format in ("JPEG", "PNG", "GIF", "BMP", "WEBP")[: 4 if way == ALONE else 5]:
            file = _small("RGB", file_format)
            everything = reading.whole_reader(way)(file)
            for _ in range(20):
                begin, size = reading.random_window(rng, 41, 67)
                (top, left), (bottom, right) = begin, begin + size
                pixels = reading.reader(way)(file, begin, size)
                self.assertAllEqual(pixels, everything[top:bottom, left:right], file_format)

    def test_the_plan_sees_the_size(self):
        for file_format in ("JPEG", "PNG", "GIF", "BMP", "WEBP"):
            seen = []
            reading.eagerly(
                _small("RGB", file_format), lambda size, seen=seen: seen.append(size.numpy()) or whole(size)
            )
            self.assertAllEqual(seen, [[41, 67]])

    def test_saved_without_python(self):
        class Module(tf.Module):
            @tf.function(input_signature=[tf.TensorSpec([], tf.string)])
            def read(self, contents):
                return read_window(contents, whole, 3)

        folder = str(pictures.folder_for(self))
        tf.saved_model.save(Module(), folder)
        loaded = tf.saved_model.load(folder)
        for file_format in ("JPEG", "PNG", "GIF", "BMP"):
            file = _small("RGB", file_format)
            self.assertAllEqual(loaded.read(file), reading.whole_reader(ALONE)(file))
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "The file is no JPEG, PNG, GIF or BMP image"):
            loaded.read(_small("RGB", "WEBP"))

    def assert_reads(self, file, expected, way, kind=None):
        """Eagerly and in a pipeline, where the shape must be known as far as it can be."""
        channels = expected.shape[-1]
        self.assertAllEqual(reading.eagerly(file, way=way, channels=channels), expected, kind)
        self.assertAllEqual(reading.whole_reader(way, channels)(file), expected, kind)
        output = reading.whole_reader(way, channels).get_concrete_function().structured_outputs
        self.assertEqual((output.shape.as_list(), output.dtype), ([None, None, channels], tf.uint8))
