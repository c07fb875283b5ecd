"""Files made to harm: refused by their headers, in little memory; and garbage, request after request."""

import pathlib
import resource
import struct
import zlib

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from models.serving.png_text import MAX_TEXTS
from tests.support import mutations, pictures, served

_REQUESTS = 300


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png(height, width, rows, before=b"", after=b""):
    """A grey PNG file, with chunks before and after its pixels."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = _chunk(b"IDAT", zlib.compress(rows, 9))
    return b"\x89PNG\r\n\x1a\n" + header + before + pixels + after + _chunk(b"IEND", b"")


def _jpeg(side):
    """A small file whose frame header says otherwise: two bytes each of height and width, 5 after the marker."""
    file = bytearray(pictures.file_of(Image.new("L", (64, 64)), "JPEG"))
    place = file.index(b"\xff\xc0") + 5
    file[place : place + 4] = struct.pack(">HH", side, side)
    return bytes(file)


def _text(name):
    """8 kB that are 7.9 MB when unpacked, just less than the decoder takes."""
    start = b"Comment\0" + {b"zTXt": b"\0", b"iTXt": b"\1\0\0\0"}[name]
    return _chunk(name, start + zlib.compress(b"a" * 7_900_000, 9))


def _memory():
    """Megabytes that this process holds now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


class BombsTest(parameterized.TestCase, tf.test.TestCase):
    def masked(self, *files):
        return served.signatures()["encoded_masked"](encoded_images=tf.constant(files))

    @parameterized.named_parameters(
        ("png", lambda: _png(2**31 - 1, 2**31 - 1, b"")),
        ("png just too large", lambda: _png(10_001, 10_000, b"")),
        ("jpeg", lambda: _jpeg(65_000)),
    )
    def test_too_many_pixels(self, file):
        before = _memory()
        answer = self.masked(*[file()] * 8)
        self.assertLess(_memory() - before, 100)  # One image of these sizes would take 300 MB and more.
        self.assertAllEqual(answer["ok"], [False] * 8)
        reason = answer["reasons"][0].numpy().decode()
        self.assertStartsWith(reason, "The image should have from 1 to 100,000,000 pixels; by its header, height and")
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, "positions 0 of the batch.* 100,000,000 pixels"):
            served.signatures()["encoded"](encoded_images=tf.constant([file()]))

    @parameterized.parameters(b"zTXt", b"iTXt")
    def test_texts_of_a_png(self, name):
        rows = (b"\0" + bytes(8)) * 8
        many = _text(name) * 100
        before = _memory()
        answer = self.masked(_png(8, 8, rows, many), _png(8, 8, rows, after=many))
        self.assertLess(_memory() - before, 100)  # Unpacked, they are 790 MB each.
        self.assertAllEqual(answer["ok"], [False, False])
        self.assertIn(f"more than {MAX_TEXTS} compressed or international texts", answer["reasons"][1].numpy().decode())
        plain = self.masked(_png(8, 8, rows))
        few = self.masked(_png(8, 8, rows, _chunk(name, b"Comment\0\0\0\0\0" + zlib.compress(b"a")) * MAX_TEXTS))
        self.assertAllEqual(few["ok"], [True])
        self.assertAllEqual(few["embeddings"], plain["embeddings"])

    def test_pixels_that_go_on_after_the_image(self):
        before = _memory()
        self.masked(_png(8, 8, bytes(300_000_000)))
        self.assertLess(_memory() - before, 100)

    def test_reasons(self):
        jpeg, png = (pictures.file_of(pictures.photograph(), kind) for kind in ("JPEG", "PNG"))
        for file, said in (
            (b"", "The file is empty"),
            (pictures.file_of(pictures.photograph(), "WEBP"), "The file is no JPEG or PNG image"),
            (b"\xff\xd8\xff\xe0", "The header of the JPEG image is damaged, cut off or of a rare kind"),
            (jpeg[:9000], "The JPEG image is cut off or damaged: it does not end as one"),
            (png[:20], "The header of the PNG image is cut off"),
            (png[:9000], "The PNG image cannot be decoded; it may be damaged, cut off or of a rare kind"),
            (
                _png(8, 8, bytes(72)).replace(b"IEND", b"IENT"),
                "The PNG image cannot be decoded; it may be damaged, cut ",
            ),
        ):
            self.assertStartsWith(self.masked(file)["reasons"][0].numpy().decode(), said)


class GarbageTest(tf.test.TestCase):
    def test_every_request_is_answered_in_flat_memory(self):
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
