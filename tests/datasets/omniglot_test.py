"""Omniglot from the real zips, and from damaged copies of one."""

import io
import shutil
import zipfile

import numpy as np
from absl.testing import parameterized
from PIL import Image

from datasets import omniglot
from datasets.manifest import DataError
from tests.datasets import pictures


class RealTest(parameterized.TestCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pictures.omniglot_dir()
        cls.train, cls.test = omniglot.load(str(cls.folder))

    def test_counts(self):
        for examples, num_classes in ((self.train, 136), (self.test, 106)):
            self.assertEqual(examples.num_classes, num_classes)
            self.assertEqual(examples.images.shape, (20 * num_classes, 105, 105, 1))
            np.testing.assert_array_equal(examples.labels, np.repeat(np.arange(num_classes), 20))
            # Ink is black on white; 1-bit files.
            self.assertEqual(set(np.unique(examples.images)), {0, 255})
            self.assertBetween((examples.images == 0).mean(), 0.02, 0.1)

    def test_alphabets_are_disjoint(self):
        alphabets = [{name.partition("/")[0] for name in part.class_names} for part in (self.train, self.test)]
        self.assertEmpty(alphabets[0] & alphabets[1])
        self.assertEqual({name.partition("_")[0] for name in alphabets[1]}, {"Japanese", "Sanskrit", "Tagalog"})

    @parameterized.parameters(0, 777, 2719)
    def test_an_image_is_the_file_of_its_class(self, index):
        with zipfile.ZipFile(self.folder / omniglot.TRAIN_ZIP) as archive:
            name = self.train.class_names[self.train.labels[index]]
            files = sorted(n for n in archive.namelist() if f"/{name}/" in n and n.endswith(".png"))
            pixels = np.asarray(Image.open(io.BytesIO(archive.read(files[index % 20]))).convert("L"))
        np.testing.assert_array_equal(self.train.images[index, ..., 0], pixels)


class MadeUpTest(parameterized.TestCase):
    """Zips of the same layout, made here, for what must hold on machines without the real ones too."""

    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.write(omniglot.TRAIN_ZIP, self.members(["Greek/character01", "Greek/character02"]))
        self.write(omniglot.TEST_ZIP, self.members(["Greek/character01", "Tagalog/character01"]))

    def members(self, characters):
        """Files by name; the first one's top row is its number among all."""
        files = {}
        for character in characters:
            for image in range(20):
                pixels = np.full((105, 105), 255, np.uint8)
                pixels[0] = len(files)
                files[f"top/{character}/0001_{image + 1:02d}.png"] = pictures.png_of(pixels[..., np.newaxis])
        return files

    def write(self, name, files):
        with zipfile.ZipFile(self.folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
            for member, contents in reversed(files.items()):  # Not in the order of their names.
                archive.writestr(member, contents)

    def test_reads_them(self):
        self.write(omniglot.TRAIN_ZIP, {"__MACOSX/top/a/b/._0001_01.png": b"", "top/": b"", **self.members(["A/a"])})
        train, test = omniglot.load(str(self.folder))
        self.assertEqual(
            (train.class_names, test.class_names), (("A/a",), ("Greek/character01", "Tagalog/character01"))
        )
        np.testing.assert_array_equal(train.images[:, 0, 0, 0], np.arange(20))

    def test_takes_only_unseen_alphabets_to_judge_on(self):
        _, test = omniglot.load(str(self.folder))
        self.assertEqual(test.class_names, ("Tagalog/character01",))
        np.testing.assert_array_equal(test.images[:, 0, 0, 0], np.arange(20, 40))

    @parameterized.parameters(omniglot.TRAIN_ZIP, omniglot.TEST_ZIP)
    def test_a_zip_is_missing(self, name):
        (self.folder / name).unlink()
        self.assert_refused(f"Omniglot needs {name}, and there is none in .* Pass --data_dir")

    def test_no_directory(self):
        with self.assertRaisesRegex(DataError, "Pass --data_dir"):
            omniglot.load(str(self.folder / "elsewhere"))
        with self.assertRaisesRegex(DataError, "Pass --data_dir"):
            omniglot.load("")

    def test_a_truncated_zip(self):
        path = self.folder / omniglot.TRAIN_ZIP
        path.write_bytes(path.read_bytes()[:-1000])
        self.assert_refused(r"small1.zip is damaged \(.*\); fetch it again")

    @parameterized.parameters(("begins with no stream", 0), ("holds another image", 40))
    def test_damaged_bytes_in_a_zip(self, _, offset):
        path = self.folder / omniglot.TRAIN_ZIP
        contents = bytearray(path.read_bytes())
        member = zipfile.ZipFile(path).infolist()[7]
        # A member is a header of 30 bytes, its name, and a compressed stream; 0xFF cannot begin one.
        begin = member.header_offset + 30 + len(member.filename) + offset
        contents[begin : begin + 20] = b"\xff" * 20
        path.write_bytes(bytes(contents))
        self.assert_refused(r"small1.zip is damaged \(.*\); fetch it again")

    def test_no_zip_at_all(self):
        (self.folder / omniglot.TRAIN_ZIP).write_bytes(b"<html>Not found</html>")
        self.assert_refused("small1.zip is damaged .*; fetch it again")

    @parameterized.parameters(b"", b"no image", b"\x89PNG\r\n\x1a\n")
    def test_a_damaged_image_in_a_sound_zip(self, contents):
        files = self.members(["Greek/character01"])
        self.write(omniglot.TRAIN_ZIP, {**files, "top/Greek/character01/0001_07.png": contents})
        self.assert_refused("0001_07.png in .*small1.zip cannot be read .*; fetch the archive again")

    def test_a_truncated_image_in_a_sound_zip(self):
        files = self.members(["Greek/character01"])
        name = "top/Greek/character01/0001_07.png"
        self.write(omniglot.TRAIN_ZIP, {**files, name: files[name][:-30]})
        self.assert_refused("0001_07.png in .*small1.zip cannot be read")

    def test_an_image_is_missing(self):
        files = self.members(["Greek/character01", "Greek/character02"])
        del files["top/Greek/character02/0001_11.png"]
        self.write(omniglot.TRAIN_ZIP, files)
        self.assert_refused("small1.zip should hold 20 images of every character; Greek/character02 has 19. Fetch")

    @parameterized.parameters("readme.txt", "image.png", "Greek/image.png")
    def test_another_layout(self, member):
        self.write(omniglot.TRAIN_ZIP, {member: b"something"})
        self.assert_refused("small1.zip should hold 20 images of every character; it holds none. Fetch it again")

    def test_the_same_zip_twice(self):
        shutil.copyfile(self.folder / omniglot.TRAIN_ZIP, self.folder / omniglot.TEST_ZIP)
        self.assert_refused("small2.zip in .* should hold alphabets that .*small1.zip has not")

    def assert_refused(self, message):
        with self.assertRaisesRegex(DataError, message) as caught:
            omniglot.load(str(self.folder))
        self.assertIn(str(self.folder), str(caught.exception))
