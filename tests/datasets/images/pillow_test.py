"""Image files that Pillow decodes: formats, modes, frames, sizes, and errors."""

import io
import struct
import warnings
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from datasets.images import pillow
from datasets.images.headers import MAX_PIXELS
from datasets.images.pillow import decode_with_pillow, rgb_from_bytes
from datasets.manifest import DataError
from tests.support import pictures
from tests.support.tensors import TensorTest

_KINDS = (
    [("GIF", mode) for mode in ("1", "L", "P", "RGB")]
    + [("BMP", mode) for mode in ("1", "L", "P", "RGB", "RGBA")]
    + [("WEBP", mode) for mode in ("RGB", "RGBA")]
    + [("TIFF", mode) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK")]
)


class DecodeWithPillowTest(TensorTest):
    @parameterized.parameters(*_KINDS)
    def test_modes(self, file_format, mode):
        picture = pictures.photograph(mode).crop((100, 50, 148, 82))
        file = pictures.file_of(picture, file_format)
        stored = Image.open(io.BytesIO(file))
        expected = np.asarray((stored.convert("RGBA") if stored.mode == "P" else stored).convert("RGB"))
        decoded = rgb_from_bytes(file)
        self.assertEqual((decoded.shape, decoded.dtype), ((32, 48, 3), np.uint8))
        self.assertAllEqual(decoded, expected)
        # And they are the picture's: the same up to the format's own loss.
        self.assertLess(np.abs(decoded - np.asarray(picture.convert("RGB"), float)).mean(), 8)

    @parameterized.parameters("PNG", "TIFF")
    def test_of_16_bits_the_upper_8(self, file_format):
        levels = np.array([[0, 255, 256], [32768, 65280, 65535]], np.uint16)
        decoded = rgb_from_bytes(pictures.file_of(Image.fromarray(levels), file_format))
        self.assertAllEqual(decoded, np.repeat([[[0], [0], [1]], [[128], [255], [255]]], 3, axis=2))

    @parameterized.parameters(np.int32, np.float32)
    def test_32_bits_have_no_range(self, dtype):
        file = pictures.file_of(Image.fromarray(np.zeros([4, 5], dtype)), "TIFF")
        with self.assertRaisesRegex(DataError, "Pixels of 32 bits.*store 8 or 16 bits"):
            rgb_from_bytes(file)

    @parameterized.parameters("PNG", "GIF", "WEBP")
    def test_transparency_is_dropped(self, file_format):
        # A red and a green half; where nothing is to be seen, the colour is still there.
        picture = Image.new("RGBA", (8, 4), (255, 0, 0, 255))
        picture.paste((0, 255, 0, 0), (4, 0, 8, 4))
        options = {"lossless": True, "exact": True} if file_format == "WEBP" else {}
        if file_format == "GIF":
            picture = picture.convert("RGB").quantize(4)
            options = {"transparency": picture.getpixel((7, 0))}
        decoded = rgb_from_bytes(pictures.file_of(picture, file_format, **options))
        self.assertAllEqual(decoded[0, [0, 7]], [[255, 0, 0], [0, 255, 0]])

    @parameterized.parameters("GIF", "WEBP", "TIFF", "PNG")
    def test_first_frame(self, file_format):
        frames = [Image.new("RGB", (5, 4), (level,) * 3) for level in (10, 200)]
        options = {"lossless": True} if file_format == "WEBP" else {}
        file = pictures.file_of(frames[0], file_format, save_all=True, append_images=frames[1:], **options)
        self.assertAllEqual(rgb_from_bytes(file), np.full((4, 5, 3), 10))

    @parameterized.parameters("JPEG", "WEBP", "TIFF", "PNG")
    def test_turned_upright(self, file_format):
        picture = Image.new("RGB", (32, 16), (255, 255, 255))
        picture.paste((0, 0, 0), (0, 0, 16, 16))
        exif = Image.Exif()
        exif[0x0112] = 6  # To be turned clockwise by a quarter: what is left comes to the top.
        decoded = rgb_from_bytes(pictures.file_of(picture, file_format, exif=exif))
        self.assertEqual(decoded.shape, (32, 16, 3))
        self.assertAllInRange(decoded[:14], 0, 20)
        self.assertAllInRange(decoded[18:], 235, 255)


class RefusalTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.file = pictures.file_of(pictures.photograph().crop((0, 0, 40, 30)), "WEBP")

    @parameterized.parameters("EPS", "PPM", "ICO")
    def test_other_formats(self, file_format):
        with self.assertRaisesRegex(DataError, "The file is no JPEG, PNG, GIF, BMP, WEBP or TIFF image"):
            rgb_from_bytes(pictures.file_of(pictures.photograph().crop((0, 0, 40, 30)), file_format))

    @parameterized.parameters("BMP", "TIFF")
    def test_too_many_pixels(self, file_format):
        # One pixel more than may be, of one bit each; that many are in Pillow's own bounds.
        self.assertEqual(MAX_PIXELS, 100_000_000)
        file = bytearray(pictures.file_of(Image.new("1", (8, 8)), file_format))
        if file_format == "BMP":
            file[18:26] = struct.pack("<ii", 100_000_001, 1)
        else:
            for tag, value in ((0x0100, 100_000_001), (0x0101, 1)):
                at = file.index(struct.pack("<HHI", tag, 4, 1))
                file[at + 8 : at + 12] = struct.pack("<I", value)
        with self.assertRaisesRegex(DataError, r"from 1 to 100,000,000 pixels.* \[1 100000001\]"):
            rgb_from_bytes(bytes(file))

    def test_size_is_looked_at_before_pixels_are_loaded(self):
        with mock.patch.object(pillow, "MAX_PIXELS", 40 * 30):
            self.assertEqual(rgb_from_bytes(self.file).shape, (30, 40, 3))
        loads = mock.patch.object(Image.Image, "load", side_effect=AssertionError("loaded"))
        refused = self.assertRaisesRegex(DataError, r"by its header, height and width are \[30 40\]")
        with mock.patch.object(pillow, "MAX_PIXELS", 40 * 30 - 1), loads, refused:
            rgb_from_bytes(self.file)

    def test_bytes_reach_pillow_as_they_are(self):
        # Zeros at the end, which numpy's own strings would lose.
        file = pictures.file_of(Image.new("RGB", (4, 4)), "BMP")
        self.assertEqual(file[-4:], bytes(4))
        self.assertAllEqual(decode_with_pillow(tf.constant(file)), np.zeros([4, 4, 3]))


class WarningsTest(TensorTest):
    def test_none_gets_out(self):
        # Above Pillow's own bound, and below twice that, there is a warning; and another about transparency.
        with warnings.catch_warnings(), mock.patch.object(Image, "MAX_IMAGE_PIXELS", 1000):
            warnings.simplefilter("error")
            rgb_from_bytes(pictures.file_of(Image.new("RGB", (40, 30)), "BMP"))
