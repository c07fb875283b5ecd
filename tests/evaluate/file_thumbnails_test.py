"""Thumbnails of image files."""

import numpy as np
from absl.testing import parameterized
from PIL import Image

from datasets.manifest import DataError
from evaluate.file_thumbnails import file_thumbnail
from tests.support import pictures


class FileThumbnailTest(parameterized.TestCase):
    def thumbnail(self, contents, side=64):
        path = pictures.folder_for(self) / "image"
        path.write_bytes(contents)
        return file_thumbnail(str(path), side)

    @parameterized.parameters("JPEG", "PNG", "WEBP", "TIFF")
    def test_size_and_orientation(self, kind):
        photograph = pictures.photograph().resize((400, 300))
        exif = Image.Exif()
        exif[0x0112] = 6  # To be turned by 90 degrees.
        made = self.thumbnail(pictures.file_of(photograph, kind, exif=exif))
        self.assertEqual((made.size, made.mode), ((48, 64), "RGB"))
        expected = photograph.transpose(Image.Transpose.ROTATE_270).resize((48, 64), Image.Resampling.BICUBIC)
        self.assertLess(np.abs(np.asarray(made, float) - np.asarray(expected, float)).mean(), 6.0)

    def test_16_bits_and_small_images(self):
        levels = (np.arange(12).reshape(3, 4) * 5000).astype(np.uint16)
        made = self.thumbnail(pictures.file_of(Image.fromarray(levels), "PNG"))
        np.testing.assert_array_equal(np.asarray(made)[..., 0], levels >> 8)

    def test_no_image(self):
        with self.assertRaises(DataError):
            self.thumbnail(b"no image")
