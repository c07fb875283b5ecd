"""Files with the same bytes, images with the same pixels."""

from absl.testing import absltest
from PIL import Image

from datasets.duplicates import identical_files, identical_pixels
from tests.support import pictures


class DuplicatesTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)

    def write(self, **contents):
        files = []
        for name, data in contents.items():
            files.append(str(self.folder / name))
            (self.folder / name).write_bytes(data)
        return files

    def test_identical_files(self):
        files = self.write(a=b"one", b=b"two", c=b"longer", d=b"one", e=b"", f=b"one", g=b"")
        self.assertEqual(identical_files(files), [[0, 3, 5], [4, 6]])
        self.assertEqual(identical_files(files[:3]), [])

    def test_identical_pixels(self):
        image = pictures.photograph().resize((20, 15)).convert("RGB")
        other = image.copy()
        other.putpixel((3, 4), (1, 2, 3))
        exif = Image.Exif()
        exif[0x0112] = 3  # Turned by 180 degrees when it is displayed.
        files = self.write(
            a=pictures.file_of(image, "PNG"),
            b=b"no image",
            c=pictures.file_of(image, "TIFF"),
            d=pictures.file_of(other, "PNG"),
            e=pictures.file_of(image.transpose(Image.Transpose.ROTATE_180), "PNG", exif=exif),
            # The same bytes of pixels in another shape.
            f=pictures.file_of(Image.frombytes("RGB", (15, 20), image.tobytes()), "PNG"),
        )
        groups, unreadable = identical_pixels(files)
        self.assertEqual(groups, [[0, 2, 4]])
        self.assertEqual(list(unreadable), [files[1]])


if __name__ == "__main__":
    absltest.main()
