"""Orientations against Pillow's exif_transpose, wherever the Exif data is, and whatever is wrong with it."""

import functools
import io
import struct

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image, ImageOps

from datasets.images import exif
from datasets.images.decoding import open_image
from datasets.images.windows import Window, whole
from tests.support import pictures, reading
from tests.support.tensors import TensorTest

_APP1, _APP2, _COMMENT, _QUANTISATION = 0xE1, 0xE2, 0xFE, 0xDB
_ORDERS = ("<", ">")
_SHORT, _LONG = 3, 4


@functools.cache
def _photograph():
    # As many rows of blocks as columns would hide a mistake.
    return pictures.file_of(pictures.photograph().crop((100, 50, 167, 91)), "JPEG", quality=90, subsampling=0)


def _tiff(order, entries, count=None, offset=8):
    """A TIFF structure of one directory, of (tag, type, count, value) entries."""
    head = {"<": b"II", ">": b"MM"}[order] + struct.pack(order + "HI", 42, offset) + bytes(offset - 8)
    body = b"".join(struct.pack(order + ("HHIHxx" if e[1] == _SHORT else "HHII"), *e) for e in entries)
    return head + struct.pack(order + "H", len(entries) if count is None else count) + body + bytes(4)


def _exif(order, orientation, **options):
    others = [(0x010F, 2, 4, 0x58585800), (0x0110, 2, 4, 0x58585800)]  # The camera's maker and model.
    return b"Exif\0\0" + _tiff(order, [*others, (0x0112, _SHORT, 1, orientation)], **options)


def _orientation(*segments):
    return _orientation_of(reading.jpeg_with(_photograph(), *segments))


def _orientation_of(contents):
    return int(_traced()(tf.constant(contents)))


@functools.cache
def _traced():
    return tf.function(exif.jpeg_orientation, input_signature=[tf.TensorSpec([], tf.string)])


def _read_whole(image, at_least):
    return image.read(whole(image.size), at_least)


class OrientationTest(TensorTest):
    @parameterized.parameters(*_ORDERS)
    def test_pixels_as_pillow_turns_them(self, order):
        rng = np.random.default_rng(0)
        for orientation in range(1, 9):
            file = reading.jpeg_with(_photograph(), (_APP1, _exif(order, orientation)))
            expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file))))
            self.assertEqual(expected.shape, (41, 67, 3) if orientation < 5 else (67, 41, 3))
            for served in (False, True):
                self.assertAllEqual(reading.whole_reader(served)(file), expected, str(orientation))
            for _ in range(20):
                begin, size = reading.random_window(rng, *expected.shape[:2])
                (top, left), (bottom, right) = begin, begin + size
                pixels = reading.reader()(file, begin, size)
                self.assertAllEqual(pixels, expected[top:bottom, left:right], str(orientation))
            # Eagerly, and where bytes follow so that all of it is decoded.
            for contents in (file, file + b"more"):
                image = open_image(tf.constant(contents))
                self.assertAllEqual(image.size, expected.shape[:2])
                self.assertAllEqual(image.read(Window([9, 5], [20, 30])), expected[9:29, 5:35], str(orientation))

    def test_at_a_lower_resolution(self):
        photograph = pictures.file_of(pictures.photograph().crop((100, 50, 351, 237)), "JPEG", quality=90)
        read = tf.function(lambda file, at_least: _read_whole(open_image(file), at_least), autograph=False)
        for orientation in range(1, 9):
            file = reading.jpeg_with(photograph, (_APP1, _exif("<", orientation)))
            for at_least, ratio in (
                ((50, 40), 2 if orientation < 5 else 4),
                ((40, 50), 4 if orientation < 5 else 2),
                ((20, 20), 8),
            ):
                stored = Image.open(io.BytesIO(file))
                stored.draft("RGB", (251 // ratio, 187 // ratio))
                expected = np.asarray(ImageOps.exif_transpose(stored))
                pixels = read(tf.constant(file), tf.constant(at_least))
                self.assertAllEqual(pixels, expected, f"{orientation} {at_least}")

    def test_png(self):
        picture = pictures.photograph().crop((100, 50, 167, 91))
        for orientation in range(1, 9):
            exif_data = Image.Exif()
            exif_data[0x0112] = orientation
            file = pictures.file_of(picture, "PNG", exif=exif_data)
            expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(file))))
            for served in (False, True):
                self.assertAllEqual(reading.whole_reader(served)(file), expected, str(orientation))

    def test_wherever_it_is(self):
        profile = (_APP2, b"ICC_PROFILE\0\x01\x01" + bytes(40_000))
        others = (_COMMENT, b"a comment"), (_APP1, b"http://ns.adobe.com/xap/1.0/\0")
        for order in _ORDERS:
            exif_segment = (_APP1, _exif(order, 6))
            self.assertEqual(_orientation(exif_segment), 6)
            self.assertEqual(_orientation(profile, exif_segment), 6)
            self.assertEqual(_orientation(*others, exif_segment), 6)
            # Straight after the start of the image, as cameras write it, without JFIF's segment.
            with_both = reading.jpeg_with(_photograph(), exif_segment)
            self.assertEqual(_orientation_of(with_both[:2] + with_both[20:]), 6)
            # The directory after other data.
            self.assertEqual(_orientation((_APP1, _exif(order, 6, offset=500))), 6)

    def test_two_and_none(self):
        self.assertEqual(_orientation((_APP1, _exif("<", 3)), (_APP1, _exif("<", 8))), 3)
        self.assertEqual(_orientation(), 1)
        self.assertEqual(_orientation((_APP2, bytes(40_000))), 1)
        self.assertEqual(_orientation((_APP1, b"Exif\0\0" + _tiff("<", [(0x0110, _SHORT, 1, 6)]))), 1)

    def test_malformed(self):
        data = _exif("<", 6)
        for malformed in (
            b"",
            b"Exif",
            b"Exif\0\0",
            b"Exif\0\0II*",
            b"Exif\0\0" + b"II*\0" + b"\xff" * 4,
            b"Exif\0\0" + b"MM\0*" + b"\xff" * 4 + bytes(90),
            b"Exif\0\0" + b"IM" + data[8:],
            b"Exif\0\0" + b"II+\0" + data[10:],
            b"Exif\0\0" + _tiff("<", [(0x0112, _LONG, 1, 6)]),
            _exif("<", 0),
            _exif("<", 9),
            _exif(">", 65535),
            _exif("<", 6, count=2),  # And the orientation is the third.
            data[:-12],
        ):
            self.assertEqual(_orientation((_APP1, malformed)), 1, malformed)

    def test_nearly_nothing(self):
        start = b"\xff\xd8\xff\xe1\xff\xff"
        for length in range(len(start) + 1):
            self.assertEqual(_orientation_of(start[:length]), 1)

    def test_lengths_that_lead_astray(self):
        # A length counts its own two bytes, so 0 and 1 cannot be; and the segment's length ends before the entry.
        data = _exif("<", 6)
        for length in (0, 1, 2, 8, len(data) - 14, len(data) - 6):
            file = b"\xff\xd8\xff\xe1" + struct.pack(">H", length) + data + _photograph()[20:]
            self.assertEqual(_orientation_of(file), 1, length)

    def test_behind_many_segments(self):
        # Bounded: of a million comments no more are gone through than a real file has.
        exif_segment = (_APP1, _exif("<", 6))
        self.assertEqual(_orientation(*[(_COMMENT, b"")] * 60, exif_segment), 6)
        self.assertEqual(_orientation(*[(_COMMENT, b"")] * 70, exif_segment), 1)
        self.assertEqual(_orientation_of(b"\xff\xd8" + b"\xff\xfe\x00\x02" * 1_000_000), 1)

    def test_garbage(self):
        rng = np.random.default_rng(0)
        data = b"\xff\xd8\xff\xe1\x00\x60" + _exif("<", 6) + bytes(60)
        for _ in range(1000):
            garbage = np.frombuffer(data, np.uint8).copy()
            places = rng.integers(2, len(data), 3)
            garbage[places] = rng.integers(0, 256, 3)
            self.assertBetween(_orientation_of(garbage.tobytes()), 1, 8)

    def test_after_other_tables_it_is_not_looked_for(self):
        # The standard puts it first, and looking for it in every file would take its time.
        data = _exif("<", 6)
        table = (_QUANTISATION, b"\0" + bytes(range(1, 65)))
        self.assertEqual(_orientation(table, (_APP1, data)), 1)
        read = reading.whole_reader()
        self.assertEqual(read(reading.jpeg_with(_photograph(), table, (_APP1, data))).shape, (41, 67, 3))
