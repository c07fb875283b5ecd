"""Image files that cannot be read: found one by one, named, in bounded memory, request after request."""

import pathlib
import resource
import struct
import zlib

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from models.serving.image_files import read_each, reasons
from tests.support import mutations, pictures, served

_REQUESTS = 100


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(height, width, rows):
    """A grey PNG file."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + _chunk(b"IDAT", zlib.compress(rows, 9)) + _chunk(b"IEND", b"")


def _jpeg(side):
    """A small file whose frame header gives another size: two bytes each of height and width, 5 after the marker."""
    file = bytearray(pictures.file_of(Image.new("L", (64, 64)), "JPEG"))
    place = file.index(b"\xff\xc0") + 5
    file[place : place + 4] = struct.pack(">HH", side, side)
    return bytes(file)


def _memory():
    """Megabytes that this process holds now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


@tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
def _read_numbers(files):
    def read(file):
        number = tf.strings.to_number(file)
        return tf.stack([number, number / 2])

    return read_each(read, files, (2,))


class ReadEachTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.parameters(
        (["4", "2"],), (["x", "4", "y", "2", "z"],), (["0", "x"],), (["x"] * 9,), ([],), ([*"1x2"] * 100,)
    )
    def test_failures_anywhere(self, files):
        values, ok = _read_numbers(tf.constant(files, tf.string))
        self.assertAllEqual(ok, [file != "x" and file.isdecimal() for file in files])
        numbers = np.array([float(file) if file.isdecimal() else 0.0 for file in files])
        self.assertAllEqual(values, np.stack([numbers, numbers / 2], axis=1))


class ReasonsTest(tf.test.TestCase):
    def test_by_the_start_of_the_file(self):
        files = [b"", b"text", pictures.file_of(pictures.photograph(), "WEBP"), b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"]
        damaged = b"The image is damaged, cut off, or larger than 100,000,000 pixels"
        other = b"The file is no JPEG or PNG image"
        expected = [b"The file is empty", other, other, damaged, damaged]
        self.assertAllEqual(reasons(tf.constant(files), tf.zeros([5], tf.bool)), expected)
        self.assertAllEqual(reasons(tf.constant(files), tf.ones([5], tf.bool)), [b""] * 5)


class ServedTest(parameterized.TestCase, tf.test.TestCase):
    @parameterized.named_parameters(
        ("png", lambda: _png(2**31 - 1, 2**31 - 1, b"")),
        ("png just too large", lambda: _png(10_001, 10_000, b"")),
        ("jpeg", lambda: _jpeg(65_000)),
    )
    def test_too_many_pixels(self, file):
        before = _memory()
        served.signatures()["encoded_masked"](encoded_images=tf.constant([file()] * 8))
        self.assertLess(_memory() - before, 100)  # One image of these sizes would take 300 MB and more.

    def test_garbage_is_answered_in_flat_memory(self):
        rng = np.random.default_rng(0)
        files = list(mutations.small_files().values())
        good = pictures.png_of(served.digit_images(1)[0])
        expected = served.expected(served.digit_images(1))[0]
        counts = {True: 0, False: 0}
        for number in range(_REQUESTS):
            if number == _REQUESTS // 4:  # By then every operation has run.
                before = _memory()
            bad = rng.bytes(int(rng.integers(2000))) if number % 4 == 0 else None
            bad = bad or mutations.mutated(files[rng.integers(len(files))], files, rng)
            answer = served.signatures()["encoded_masked"](encoded_images=tf.constant([bad, good]))
            ok, reason = answer["ok"].numpy()[0], answer["reasons"].numpy()[0]
            counts[bool(ok)] += 1
            self.assertEqual(ok, reason == b"")
            self.assertTrue(ok or not answer["embeddings"].numpy()[0].any())
            self.assertAllClose(answer["embeddings"][1], expected, rtol=0, atol=1e-5)
            if number % 4 == 1 and not ok:
                with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "positions 1 of the batch"):
                    served.signatures()["encoded"](encoded_images=tf.constant([good, bad]))
        self.assertLess(_memory() - before, 30)
        self.assertGreater(min(counts.values()), _REQUESTS // 20)
