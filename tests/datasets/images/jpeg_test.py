"""Parts of JPEG files are to the bit what decoding everything and cutting gives, and what Pillow gives."""

import io
import itertools

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from datasets.images import jpeg
from datasets.images.windows import Window
from tests.support import pictures, reading
from tests.support.tensors import TensorTest

# In colour, where chroma is stored at full, half and a quarter of the resolution; where there is none; inks.
_KINDS = ("4:4:4", "4:2:2", "4:2:0", "grey", "CMYK", "YCCK")
_NUM_WINDOWS = 60


def _file(kind, **options):
    # Neither side is a multiple of a block's 8 or 16 pixels.
    box = (100, 50, 351, 237)
    if kind in ("grey", "CMYK", "YCCK"):
        picture = pictures.photograph("L" if kind == "grey" else "CMYK").crop(box)
    else:
        picture, options["subsampling"] = pictures.photograph().crop(box), kind
    file = pictures.file_of(picture, "JPEG", quality=90, **options)
    return reading.as_ycck(file) if kind == "YCCK" else file


class WindowTest(TensorTest):
    @parameterized.parameters(*_KINDS)
    def test_equals_a_cut_of_the_whole(self, kind):
        rng = np.random.default_rng(0)
        for progressive, restarts in itertools.product((False, True), (0, 2)):
            file = _file(kind, progressive=progressive, restart_marker_blocks=restarts)
            whole = np.asarray(Image.open(io.BytesIO(file)).convert("RGB"))
            self.assertAllEqual(reading.whole_reader()(file), whole)
            for _ in range(_NUM_WINDOWS):
                begin, size = reading.random_window(rng, *whole.shape[:2])
                (top, left), (bottom, right) = begin, begin + size
                pixels = reading.reader()(file, begin, size)
                self.assertAllEqual(pixels, whole[top:bottom, left:right], f"{begin} {size}")

    @parameterized.parameters(*_KINDS)
    def test_scaled_equals_a_cut_of_the_scaled_whole(self, kind):
        rng = np.random.default_rng(0)
        for progressive, ratio in itertools.product((False, True), (2, 4, 8)):
            file = _file(kind, progressive=progressive)
            whole = tf.io.decode_jpeg(file, channels=3, ratio=ratio, dct_method="INTEGER_ACCURATE").numpy()
            self.assertEqual(whole.shape[:2], (-(-187 // ratio), -(-251 // ratio)))
            for _ in range(_NUM_WINDOWS // 2):
                begin, size = reading.random_window(rng, 187, 251)
                # To whole pixels of the scaled image, outwards.
                (top, left), (bottom, right) = begin // ratio, -(-(begin + size) // ratio)
                pixels = jpeg.decode_window(tf.constant(file), tf.constant([187, 251]), Window(begin, size), ratio)
                self.assertAllEqual(pixels, whole[top:bottom, left:right], f"{ratio} {begin} {size}")

    def test_the_lowest_resolution_that_has_enough(self):
        for size, at_least, ratio in (
            ((100, 100), (100, 100), 1),
            ((199, 400), (100, 100), 1),
            ((200, 400), (100, 100), 2),
            ((401, 803), (100, 100), 4),
            ((9000, 9000), (100, 100), 8),
            ((9000, 410), (100, 200), 2),
            ((50, 50), (100, 100), 1),
        ):
            scale = jpeg.scale_for(Window(tf.constant([3, 5]), tf.constant(size)), tf.constant(at_least))
            self.assertEqual(jpeg.RATIOS[int(scale)], ratio, f"{size} {at_least}")

    def test_bare_regions_differ_at_their_sides(self):
        # Why one more column is asked for on either side: should this fail, that may no longer be needed.
        file = _file("4:2:0")
        whole = np.asarray(Image.open(io.BytesIO(file)).convert("RGB")).astype(int)
        worst = np.zeros(100, int)
        for left in range(16, 144, 16):  # Blocks are 16 pixels wide, and colour two pixels.
            window = [20, left, 90, 100]
            region = tf.image.decode_and_crop_jpeg(file, window, channels=3, dct_method="INTEGER_ACCURATE").numpy()
            worst = np.maximum(worst, np.abs(region - whole[20:110, left : left + 100]).max(axis=(0, 2)))
        self.assertAllEqual(np.flatnonzero(worst), [0, 99])
        self.assertBetween(worst.max(), 5, 25)

    def test_a_part_needs_no_more_than_its_rows(self):
        # Zeros instead of the lower half make no difference above it: it is not even looked at.
        file = _file("4:4:4")
        damaged = file[: len(file) // 2] + bytes(len(file) // 2 - 2) + b"\xff\xd9"
        read, top = reading.reader(), np.int32([[0, 0], [16, 251]])
        self.assertAllEqual(read(damaged, *top), read(file, *top))

    def test_windows_outside_are_refused(self):
        file, read = _file("4:4:4"), reading.reader()
        for begin, size in (((0, 0), (188, 251)), ((0, 251), (1, 1)), ((-1, 0), (5, 5)), ((3, 3), (0, 4))):
            with self.assertRaises(tf.errors.InvalidArgumentError):
                read(file, np.int32(begin), np.int32(size))
