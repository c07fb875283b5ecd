"""Damaged files: refused, or read as what they say they are; never a crash, and nothing cut off passes for whole.

What can be asked for depends on the format. A file that is cut off is refused or gives the whole file's pixels. PNG
has checksums, so that any damage is found; the entropy-coded data of a JPEG file, and pixels of the others, have
none, and other numbers there are another picture.
"""

import collections
import io

import numpy as np
import tensorflow as tf
from PIL import Image

from datasets.images.decoding import reason
from datasets.images.headers import MAX_PIXELS
from tests.support import mutations, reading
from tests.support.reading import ALONE, WITH_PILLOW

_MUTATIONS_PER_KIND = 160
_EAGERLY_ONE_IN = 10
_TOP = ([0, 0], [4, 4])


class FuzzTest(tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.files = mutations.small_files()
        self.outcomes = collections.Counter()

    def tearDown(self):
        super().tearDown()
        for (kind, outcome), count in sorted(self.outcomes.items()):
            print(f"{self._testMethodName}: {kind}: {outcome} {count}")
        print(f"{self._testMethodName}: {collections.Counter(outcome for _, outcome in self.outcomes.elements())}")

    def test_cut_off_files(self):
        for kind, way, file in self.kinds_and_ways():
            original, stride = self.whole(kind, way, file), 1 + len(file) // 40
            for length in [*range(0, len(file) - 30, stride), *range(len(file) - 30, len(file))]:
                # One that is read for its top only must be read as a whole, too.
                everything = self.whole(kind, way, file[:length])
                top = self.pixels(lambda contents, way=way: reading.reader(way)(contents, *_TOP), file[:length])
                self.assertEqual(top is None, everything is None, f"{kind} of {length} bytes, {way}")
                if everything is not None:
                    self.assertAllEqual(everything, original, f"{kind} of {length} bytes, {way}")
                    self.assertAllEqual(top, original[:4, :4], f"{kind} of {length} bytes, {way}")

    def test_every_bit_of_a_png(self):
        # The signature is not covered by a checksum, but then it is no PNG.
        for kind in ("PNG 1 bit", "PNG 16 bits"):
            original = self.whole(kind, ALONE, self.files[kind])
            for bit in range(8 * len(self.files[kind])):
                changed = bytearray(self.files[kind])
                changed[bit // 8] ^= 1 << bit % 8
                pixels = self.whole(kind, ALONE, bytes(changed))
                if pixels is not None:
                    self.assertAllEqual(pixels, original, f"{kind}, bit {bit}")
        self.assertGreater(self.outcomes[f"PNG 1 bit, {ALONE}", "refused"], 0.9 * 8 * len(self.files["PNG 1 bit"]))

    def test_mutations(self):
        rng = np.random.default_rng(0)
        for kind, way, file in self.kinds_and_ways():
            original = self.whole(kind, way, file)
            for number in range(_MUTATIONS_PER_KIND):
                changed = mutations.mutated(file, list(self.files.values()), rng)
                message = f"{kind}, {way}, mutation {number}"
                pixels = self.whole(kind, way, changed)
                if number % _EAGERLY_ONE_IN == 0:
                    again = self.pixels(lambda contents, way=way: reading.eagerly(contents, way=way), changed)
                    self.assertEqual(again is None, pixels is None, message)
                    if pixels is not None:
                        self.assertAllEqual(again, pixels, message)
                if pixels is None:
                    continue
                self.assert_is_of_its_header(pixels, changed, message)
                if changed[:8] == b"\x89PNG\r\n\x1a\n":
                    self.assertAllEqual(pixels, original, message)

    def kinds_and_ways(self):
        """Every kind of file; those that are read in two ways in both."""
        for kind, file in self.files.items():
            yield kind, WITH_PILLOW, file
            if kind in ("GIF", "GIF animated", "BMP", "BMP alpha"):
                yield kind, ALONE, file

    def whole(self, kind, way, contents):
        pixels = self.pixels(reading.whole_reader(way), contents)
        self.outcomes[f"{kind}, {way}", "refused" if pixels is None else "read"] += 1
        return pixels

    def pixels(self, read, contents):
        """What is read, or None where it is refused, with a reason."""
        try:
            pixels = np.asarray(read(tf.constant(contents)))
        except tf.errors.InvalidArgumentError as error:
            said = reason(error)
            self.assertRegex(said, r"^\w[^\n]{5,}$")
            self.assertNotRegex(said, r"\{\{|\[\[|Traceback|node")
            return None
        self.assertEqual((pixels.dtype, pixels.ndim, pixels.shape[2]), (np.uint8, 3, 3))
        return pixels

    def assert_is_of_its_header(self, pixels, contents, message):
        """By Pillow's reading of the header, which is not damaged where Pillow itself has decoded the file."""
        self.assertBetween(pixels.size // 3, 1, MAX_PIXELS, message)
        try:
            with Image.open(io.BytesIO(contents)) as image:
                size = image.size
        except OSError:
            self.outcomes["all kinds", "of unknown size"] += 1
            return
        self.assertIn(pixels.shape[:2], (size, size[::-1]), message)
