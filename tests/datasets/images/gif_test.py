"""The first frame of GIF files, for a decoder that is to see no other."""

import functools
import io
import struct

import numpy as np
import tensorflow as tf
from PIL import Image

from datasets.images import gif
from tests.support import pictures, reading


@functools.cache
def _traced():
    return tf.function(gif.first_frame, input_signature=[tf.TensorSpec([], tf.string)])


@functools.cache
def _found():
    return tf.function(gif.find_first_frame, input_signature=[tf.TensorSpec([], tf.string)])


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

    def test_blocks_of_any_lengths(self):
        # Runs of one length, shorter and longer than what is gone through at a time, against what they were made of.
        rng = np.random.default_rng(0)
        for _ in range(20):
            lengths = np.repeat(rng.integers(1, 256, 6), rng.choice([1, 2, 255, 256, 257, 600], 6))
            blocks = b"".join(bytes([n]) + bytes(n) for n in lengths) + b"\0"
            frame = struct.pack("<BHHHH", 0x2C, 0, 0, 8, 9) + b"\0\x02"
            file = b"GIF89a" + struct.pack("<HH", 8, 9) + bytes(3) + b"!\xfe" + blocks + frame + blocks + b";"
            self.assertEqual(_first_frame(file + frame), (file, [0, 0, 8, 9]))

    def test_too_much_to_go_through(self):
        head = b"GIF89a" + struct.pack("<HH", 8, 8) + bytes(3)
        frame = struct.pack("<BHHHH", 0x2C, 0, 0, 8, 8) + b"\0\x02"
        uneven, extensions = b"\1a\2ab" * 2 * gif.MAX_RUNS, b"!\xfe\0" * 4 * gif.MAX_RUNS
        for file in (
            head + b"!\xfe" + uneven + b"\0" + frame + b"\0;",
            head + extensions + frame + b"\0;",
            head + frame + uneven + b"\0;",
        ):
            with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r"extensions or uneven blocks \(more than 10,"):
                _first_frame(file)
            end, _, found = _found()(tf.constant(file))
            self.assertFalse(found)
            self.assertLess(end, len(file) // 2)  # It was not gone through to its end.
        # An extension, and for each pair of blocks two runs more; with a last one of its own, the most there may be.
        most = head + b"!\xfe" + b"\1a\2ab" * ((gif.MAX_RUNS - 2) // 2)
        end = b"\0" + frame + b"\0;"
        self.assertEqual(_first_frame(most + b"\1a" + end), (most + b"\1a" + end, [0, 0, 8, 8]))
        with self.assertRaisesRegex(tf.errors.InvalidArgumentError, r"\(more than 10,000\) before its first frame"):
            _first_frame(most + b"\1a\2ab" + end)
        # Of one length, these two million are 7,813 runs.
        file = head + b"!\xfe" + b"\1a" * 2_000_000 + b"\0" + frame + b"\0;"
        self.assertEqual(_first_frame(file), (file, [0, 0, 8, 8]))

    def test_garbage(self):
        rng = np.random.default_rng(0)
        file = np.frombuffer(_animation(), np.uint8)
        for _ in range(300):
            garbage = file.copy()
            garbage[rng.integers(6, len(file), 5)] = rng.integers(0, 256, 5)
            cut_off, _ = _first_frame(garbage.tobytes())
            self.assertEqual(cut_off[:-1], garbage.tobytes()[: len(cut_off) - 1])
