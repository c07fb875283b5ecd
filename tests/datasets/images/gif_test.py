"""The first frame of GIF files, for a decoder that is to see no other."""

import functools
import io
import struct

import numpy as np
import tensorflow as tf
from PIL import Image

from datasets.images import gif
from tests.datasets import pictures
from tests.datasets.images import reading


@functools.cache
def _traced():
    return tf.function(gif.first_frame, input_signature=[tf.TensorSpec([], tf.string)])


def _first_frame(contents):
    file, frame = _traced()(tf.constant(contents))
    return file.numpy(), frame.numpy().tolist()


def _animation(mode="P", **options):
    frames = [pictures.photograph(mode).resize((31, 22)).transpose(turn) for turn in (0, 1, 3)]
    return pictures.file_of(frames[0], "GIF", save_all=True, append_images=frames[1:], loop=0, **options)


def _descriptor_at(file):
    return file.index(struct.pack("<BHHHH", 0x2C, 0, 0, 31, 22))


class FirstFrameTest(tf.test.TestCase):
    def test_cut_off_after_it(self):
        for animation in (_animation(), _animation("L"), _animation(comment=b"said " * 200)):
            file, frame = _first_frame(animation)
            self.assertEqual(frame, [0, 0, 31, 22])
            self.assertEqual(file[:-1], animation[: len(file) - 1])
            with Image.open(io.BytesIO(file)) as image, Image.open(io.BytesIO(animation)) as whole:
                self.assertEqual((image.n_frames, whole.n_frames), (1, 3))
                self.assertAllEqual(image.convert("RGB"), whole.convert("RGB"))

    def test_a_single_one_stays_as_it_is(self):
        file = pictures.file_of(pictures.photograph("P").resize((31, 22)), "GIF")
        self.assertEqual(_first_frame(file), (file, [0, 0, 31, 22]))

    def test_a_table_of_colours_of_its_own(self):
        # What the file has for all frames is made the frame's own: the flags say so, and it comes after them.
        file = pictures.file_of(pictures.photograph("P").resize((31, 22)), "GIF")
        size = 3 * 2 ** (file[10] % 8 + 1)
        at = _descriptor_at(file)
        own = file[:10] + b"\0" + file[11:13] + file[13 + size : at + 9]
        own += bytes([0x80 | file[10] % 8 | file[at + 9]]) + file[13 : 13 + size] + file[at + 10 :]
        self.assertEqual(_first_frame(own + b"more"), (own, [0, 0, 31, 22]))
        self.assertAllEqual(reading.whole_reader(reading.ALONE)(own), reading.whole_reader(reading.ALONE)(file))

    def test_no_frame(self):
        file = _animation()
        for contents in (b"", b"GIF89a", file[:13], file[: _descriptor_at(file)], b"\xff" * 50, b"GIF89a" + b"!" * 999):
            self.assertEqual(_first_frame(contents)[1], [0, 0, 0, 0])

    def test_a_frame_that_is_not_all_of_the_image(self):
        # TensorFlow would give the frame as if it were the image; of a large one, it would ask for that memory.
        file = pictures.file_of(pictures.photograph("P").resize((31, 22)), "GIF")
        at = _descriptor_at(file)
        for frame, said in (
            ((0, 0, 30, 22), "[0 0 30 22]"),
            ((1, 0, 31, 22), "[1 0 31 22]"),
            ((0, 0, 65535, 65535), "[0 0 65535 65535]"),
        ):
            changed = file[: at + 1] + struct.pack("<HHHH", *frame) + file[at + 9 :]
            said = f"of left, top, width and height {said} is not all of the image [22 31]"
            self.assertEqual(reading.refusal(changed, reading.ALONE), f"The first frame of the GIF image, {said}")

    def test_garbage(self):
        rng = np.random.default_rng(0)
        file = np.frombuffer(_animation(), np.uint8)
        for _ in range(300):
            garbage = file.copy()
            garbage[rng.integers(6, len(file), 5)] = rng.integers(0, 256, 5)
            cut_off, _ = _first_frame(garbage.tobytes())
            self.assertEqual(cut_off[:-1], garbage.tobytes()[: len(cut_off) - 1])
