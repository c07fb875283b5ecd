"""Damaged files: refused, or read as what they say they are; never a crash, and nothing cut off passes for whole.

What can be asked for depends on the format. A file that is cut off is refused or gives the whole file's pixels. PNG
has checksums, so that any damage is found; the entropy-coded data of a JPEG file, and pixels of the others, have
none, and other numbers there are another picture.
"""

import io

import numpy as np
import tensorflow as tf
from PIL import Image

from datasets.images.headers import MAX_PIXELS
from datasets.images.refusal import reason
from tests.support import mutations, reading
from tests.support.tensors import TensorTest

_MUTATIONS_PER_KIND = 60
_EAGERLY_ONE_IN = 10


class FuzzTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.files = mutations.small_files()

    def test_cut_off_files(self):
        for kind, file in self.files.items():
            original, stride = self.whole(file), 1 + len(file) // 20
            for length in [*range(0, len(file) - 15, stride), *range(len(file) - 15, len(file))]:
                # One that is read for its top only must be read as a whole, too.
                everything = self.whole(file[:length])
                top = self.pixels(lambda contents: reading.reader()(contents, [0, 0], [4, 4]), file[:length])
                self.assertEqual(top is None, everything is None, f"{kind} of {length} bytes")
                if everything is not None:
                    self.assertAllEqual(everything, original, f"{kind} of {length} bytes")
                    self.assertAllEqual(top, original[:4, :4], f"{kind} of {length} bytes")

    def test_every_bit_of_a_png(self):
        # The signature is not covered by a checksum, but then it is no PNG.
        file, refused = self.files["PNG 1 bit"], 0
        original = self.whole(file)
        for bit in range(8 * len(file)):
            changed = bytearray(file)
            changed[bit // 8] ^= 1 << bit % 8
            pixels = self.whole(bytes(changed))
            if pixels is None:
                refused += 1
            else:
                self.assertAllEqual(pixels, original, f"bit {bit}")
        self.assertGreater(refused, 0.9 * 8 * len(file))

    def test_mutations(self):
        rng = np.random.default_rng(0)
        for kind, file in self.files.items():
            original, read = self.whole(file), 0
            for number in range(_MUTATIONS_PER_KIND):
                changed = mutations.mutated(file, list(self.files.values()), rng)
                message = f"{kind}, mutation {number}"
                pixels = self.whole(changed)
                if number % _EAGERLY_ONE_IN == 0:
                    again = self.pixels(reading.eagerly, changed)
                    self.assertEqual(again is None, pixels is None, message)
                    if pixels is not None:
                        self.assertAllEqual(again, pixels, message)
                if pixels is None:
                    continue
                read += 1
                self.assert_is_of_its_header(pixels, changed, message)
                if changed[:8] == b"\x89PNG\r\n\x1a\n":
                    self.assertAllEqual(pixels, original, message)
            self.assertLess(read, _MUTATIONS_PER_KIND, kind)

    def whole(self, contents):
        return self.pixels(reading.whole_reader(), contents)

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
            return
        self.assertIn(pixels.shape[:2], (size, size[::-1]), message)
