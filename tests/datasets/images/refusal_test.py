"""What is refused: other files, those cut off, and those too large, before they fill the memory."""

import resource
import struct

import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

from datasets.images import headers
from datasets.images.decoding import open_image
from datasets.images.image import BoxedImage
from datasets.images.refusal import reason
from tests.support import pictures, reading
from tests.support.tensors import TensorTest

_TOO_LARGE = "The image should have from 1 to 100,000,000 pixels; "


def _jpeg_of_size(height, width, **options):
    """A JPEG file whose header claims a size."""
    file = bytearray(pictures.file_of(Image.new("RGB", (16, 16)), "JPEG", **options))
    at = file.index(b"\xff\xc2" if options.get("progressive") else b"\xff\xc0") + 5
    file[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(file)


def _bmp_of_size(height, width):
    file = pictures.file_of(Image.new("RGB", (16, 16)), "BMP")
    return file[:18] + struct.pack("<ii", width, height) + file[26:]


class SizeTest(TensorTest):
    def test_bombs_are_refused_before_they_are_decoded(self):
        self.assertEqual(headers.MAX_PIXELS, 100_000_000)
        reading.refusal(b"")  # Whatever the first call needs.
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for file in (
            reading.png(60_000, 60_000, 8, 2, [bytes(3)]),
            reading.png(2**31 - 1, 2**31 - 1, 1, 0, [b"\0"]),
            _jpeg_of_size(60_000, 60_000),
            _jpeg_of_size(60_000, 60_000, progressive=True),
            _jpeg_of_size(60_000, 60_000) + b"more",
            _bmp_of_size(60_000, 60_000),
        ):
            self.assertStartsWith(reading.refusal(file), _TOO_LARGE)
        # Kilobytes, and room for whatever else runs; an image of 60,000 by 60,000 would be 10 GB.
        self.assertLess(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, 400_000)

    def test_the_limit(self):
        # By their headers only, as there is nothing in them: one is refused for its size, the other for the rest.
        self.assertFalse(reading.refusal(reading.png(10_000, 10_000, 1, 0, [b"\0"])).startswith(_TOO_LARGE))
        said = reading.refusal(reading.png(10_000, 10_001, 1, 0, [b"\0"]), served=True)
        self.assertEqual(said, _TOO_LARGE + "by its header, height and width are [10000 10001]")

    @parameterized.parameters(tf.int32, tf.int64)
    def test_what_uses_the_size_waits_for_the_check(self, dtype):
        with tf.Graph().as_default():
            size = headers.checked(tf.constant([5, 4], dtype))
            waits_for = [*size.op.control_inputs, *size.op.inputs[0].op.control_inputs]
            self.assertEqual({operation.type for operation in waits_for}, {"Assert"})

    def test_no_pixels(self):
        for file in (reading.png(0, 5, 8, 2, []), reading.png(5, 0, 8, 2, [])):
            self.assertStartsWith(reading.refusal(file), _TOO_LARGE)
        for file in (_jpeg_of_size(0, 5), _jpeg_of_size(5, 0)):
            self.assertStartsWith(reading.refusal(file), "Invalid JPEG data")


class RefusalTest(TensorTest):
    def test_no_image(self):
        for contents in (b"", b"\xff", b"\xff\xd8", b"no image", b"GIF", b"RIFF\0\0\0\0WEBP", b"\x89PNG\r\n\x1a\n"):
            self.assertEqual(reading.refusal(contents, served=True), "The file is no JPEG or PNG image")
            self.assertRegex(
                reading.refusal(contents), "^The (file is no JPEG, .* or TIFF image|image is damaged, .+)$"
            )

    def test_nothing_but_a_start(self):
        for contents, said in (
            (b"\xff\xd8\xff", "Invalid JPEG data, size 3"),
            (b"\xff\xd8\xff\xd9", "Invalid JPEG data, size 4"),
            (reading.png(5, 5, 8, 2, [])[:33], "Invalid PNG. Failed to initialize decoder"),
        ):
            for served in (False, True):
                self.assertEqual(reading.refusal(contents, served), said)

    def test_a_cut_off_jpeg_whatever_the_window(self):
        # Large enough that its beginning is decodable long before its end is missed.
        for progressive in (False, True):
            file = pictures.file_of(pictures.photograph(), "JPEG", progressive=progressive)
            for end in (-2, -3, -100, len(file) // 2, 2000):
                with self.assertRaises(tf.errors.InvalidArgumentError) as caught:
                    reading.reader()(file[:end], [0, 0], [1, 1])
                self.assertEqual(reason(caught.exception), "Invalid JPEG data or crop window")

    def test_what_follows_the_end_of_a_jpeg_does_not_matter(self):
        file = pictures.file_of(pictures.photograph().crop((0, 0, 60, 40)), "JPEG")
        for more in (b"\0", b"\xff\xd9\xff", bytes(5000)):
            self.assertAllEqual(reading.whole_reader()(file + more), reading.whole_reader()(file))


class ReasonTest(TensorTest):
    def test_box_outside(self):
        file = pictures.file_of(Image.new("RGB", (30, 20)), "PNG")
        with self.assertRaises(tf.errors.InvalidArgumentError) as caught:
            BoxedImage(open_image(tf.constant(file)), tf.constant([40, 2, 50, 9]))
        self.assertEqual(
            reason(caught.exception),
            "The box [40 2 50 9] holds no pixel of the image of height and width [20 30]",
        )

    def test_missing_file(self):
        for read in (tf.io.read_file, tf.function(tf.io.read_file)):
            with self.assertRaises(tf.errors.NotFoundError) as caught:
                read("/nowhere/photo.jpg")
            self.assertEqual(reason(caught.exception), "/nowhere/photo.jpg; No such file or directory")

    def test_in_a_pipeline(self):
        file = pictures.file_of(Image.new("RGB", (30, 20)), "WEBP")
        dataset = tf.data.Dataset.from_tensors([file[:-10]])
        for served, said in (
            (True, "The file is no JPEG"),
            (False, "The image is damaged, or of an unusual kind: "),
        ):
            mapped = dataset.map(lambda files, served=served: reading.whole_reader(served)(files[0]))
            with self.assertRaises(tf.errors.InvalidArgumentError) as caught:
                next(iter(mapped))
            self.assertStartsWith(reason(caught.exception), said)

    def test_nothing_said(self):
        self.assertEqual(
            reason(tf.errors.InvalidArgumentError(None, None, "{{node x}}\n\t [[y]] [Op:z]")), "not an image"
        )
