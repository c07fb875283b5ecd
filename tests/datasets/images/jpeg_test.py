"""Parts of JPEG files are to the bit what decoding everything and cutting gives, and what Pillow gives."""

import io
import itertools

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

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
