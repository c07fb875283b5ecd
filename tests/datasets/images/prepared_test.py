"""Reduced copies of large images: what they show, and when they are made anew."""

import io
import os
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image, ImageOps

from datasets.examples import Examples
from datasets.images import prepared
from datasets.images.image import read_all
from datasets.images.prepared import PreparedFiles
from datasets.images.reduction import reduced
from datasets.images.sources import ImageFiles
from datasets.input.formats import Augmentation, ImageFormat
from datasets.input.pipelines import TrainingImages
from tests.support import pictures
from tests.support.tensors import TensorTest


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


class ReducedTest(TensorTest):
    # 640 × 427.
    @parameterized.parameters((214, None), (213, 2), (107, 2), (106, 4), (53, 8), (26, 16), (13, 32))
    def test_as_small_as_it_can_be(self, needed, factor):
        for file_format in ("JPEG", "PNG", "WEBP"):
            data = reduced(pictures.file_of(pictures.photograph(), file_format), None, needed)
            if factor is None:
                self.assertIsNone(data)
                continue
            small = _opened(data)
            self.assertEqual(small.format, "JPEG" if file_format == "JPEG" else "PNG")
            expected = pictures.photograph().reduce(factor)
            self.assertEqual(small.size, expected.size)
            self.assertGreaterEqual(min(small.size), needed)
            self.assertLess(np.abs(np.asarray(small).astype(float) - np.asarray(expected)).mean(), 6.0)

    def test_of_png_files_nothing_is_lost_but_size(self):
        data = reduced(pictures.file_of(pictures.photograph(), "PNG"), None, 100)
        self.assertAllEqual(np.asarray(_opened(data)), np.asarray(pictures.photograph().reduce(4)))

    def test_a_box_of_a_turned_image(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        data = pictures.file_of(pictures.photograph(), "JPEG", quality=95, exif=exif)
        upright = ImageOps.exif_transpose(_opened(data))  # 427 × 640.
        small = _opened(reduced(data, np.array([-50, 100, 300, 500]), 70))  # What it shows is 300 × 400.
        expected = upright.crop((0, 100, 300, 500)).reduce(4)
        self.assertEqual(small.size, (75, 100))
        difference, shifted = (
            np.abs(np.asarray(small).astype(float) - np.roll(np.asarray(expected), columns, axis=1)).mean()
            for columns in (0, 1)
        )
        self.assertLess(difference, 8.0)
        self.assertLess(difference, 0.6 * shifted)  # By one pixel.

    def test_what_cannot_be_read(self):
        data = pictures.file_of(pictures.photograph(), "JPEG")
        self.assertIsNone(reduced(data[:20_000], None, 50))
        self.assertIsNone(reduced(b"", None, 50))


class PreparedFilesTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.folder, self.copies = pictures.folder_for(self), pictures.folder_for(self)
        for name, picture in (("large", pictures.photograph()), ("small", pictures.photograph().crop((0, 0, 90, 70)))):
            (self.folder / f"{name}.jpg").write_bytes(pictures.file_of(picture, "JPEG", quality=90))
        self.paths = np.array(["large.jpg", "small.jpg"], object)

    def files(self, boxes=None, needed=50, on_disk=True):
        files = ImageFiles(str(self.folder), self.paths, boxes)
        return PreparedFiles(files, needed, self.copies if on_disk else None)

    def read(self, files, index=0):
        return tf.function(lambda: read_all(files.open(tf.constant(index, tf.int64))), autograph=False)().numpy()

    def on_disk(self):
        return sorted(path for path in self.copies.rglob("*") if path.is_file())

    @parameterized.parameters(False, True)
    def test_made_once_and_the_same_from_the_first_time_on(self, on_disk):
        with mock.patch.object(prepared, "reduced", side_effect=reduced) as made:
            files = self.files(on_disk=on_disk)
            first, again = self.read(files), self.read(files)
            self.assertAllEqual(first, again)
            self.assertEqual(first.shape, (54, 80, 3))
            small = self.read(files, 1)
            self.assertAllEqual(small, self.read(files, 1))
            self.assertAllEqual(small, np.asarray(Image.open(self.folder / "small.jpg")))
            self.assertEqual(made.call_count, 2)
            self.assertAllEqual(self.read(self.files(on_disk=on_disk)), first)
            self.assertEqual(made.call_count, 2 if on_disk else 3)
        self.assertLen(self.on_disk(), int(on_disk))

    def test_a_damaged_copy_is_made_anew(self):
        first = self.read(self.files())
        (copy,) = self.on_disk()
        whole = copy.read_bytes()
        for damaged in (whole[:1000] + b"x" + whole[1001:], whole[:-9], b""):
            copy.write_bytes(damaged)
            self.assertAllEqual(self.read(self.files()), first)
            self.assertEqual(copy.read_bytes(), whole)

    def test_other_originals_and_needs_are_other_copies(self):
        first = self.read(self.files())
        self.assertEqual(self.read(self.files(needed=100)).shape, (107, 160, 3))
        large = self.folder / "large.jpg"
        before = large.stat()
        large.write_bytes(pictures.file_of(ImageOps.mirror(pictures.photograph()), "JPEG", quality=80))
        os.utime(large, ns=(0, before.st_mtime_ns))  # Of another size alone.
        self.assertNotEqual(large.stat().st_size, before.st_size)
        self.assertNotAllClose(self.read(self.files()), first)
        os.utime(large, ns=(0, before.st_mtime_ns + 10**9))  # Of another time alone.
        self.read(self.files())
        self.assertLen(self.on_disk(), 4)

    def test_boxes(self):
        boxes = np.int32([[100, 100, 400, 300], [10, 20, 50, 40]])
        files = self.files(boxes)
        self.assertEqual(self.read(files).shape, (50, 75, 3))
        small = np.asarray(Image.open(self.folder / "small.jpg"))
        self.assertAllEqual(self.read(files, 1), small[20:40, 10:50])

    def test_training_images_do_not_depend_on_what_was_kept(self):
        varied = Augmentation(rotation=20.0, hue=0.1, blur=0.5, randaugment=5.0)

        def batches(epoch, on_disk):
            examples = Examples(self.files(on_disk=on_disk), np.array([0, 1]), ("a", "b"), np.array(["", ""]))
            images = TrainingImages(examples, ImageFormat(40, 50, 3), varied, seed=3)
            found = images.batches(classes_per_batch=2, examples_per_class=1, steps_per_epoch=2, epoch=epoch)
            return [next(found)[0].numpy() for _ in range(4 - 2 * epoch)]

        whole, resumed = batches(0, True), batches(1, False)
        self.assertAllEqual(np.stack(whole[2:]), np.stack(resumed))
        self.assertNotAllClose(whole[0], whole[2])  # Cropped anew.

    def test_a_file_that_is_gone_or_broken(self):
        (self.folder / "large.jpg").write_bytes(b"no image")
        with self.assertRaises(tf.errors.InvalidArgumentError):
            self.read(self.files())
        (self.folder / "large.jpg").unlink()
        with self.assertRaisesRegex(tf.errors.OpError, "No such file"):
            self.read(self.files())
