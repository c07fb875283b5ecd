"""Omniglot from the real zips, and from damaged copies of one."""

import io
import shutil
import zipfile
import zlib

import numpy as np
from absl.testing import parameterized
from PIL import Image

from datasets.benchmarks import omniglot
from datasets.checks import check
from datasets.manifest import Counts, DataError
from tests.support import layouts, pictures
from tests.support.tensors import TensorTest


class RealTest(TensorTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = pictures.omniglot_dir()
        cls.manifest = layouts.load("omniglot", cls.folder)

    def test_counts(self):
        check(self.manifest, omniglot.EXPECTED)
        self.assertEqual(omniglot.EXPECTED, {"train": Counts(136 * 20, 136), "test": Counts(106 * 20, 106)})
        self.assertEqual(self.manifest.pixels.shape, (242 * 20, 105, 105, 1))
        self.assertAllEqual(self.manifest.labels, np.repeat(np.arange(242), 20))
        self.assertAllEqual(self.manifest.splits == "train", self.manifest.labels < 136)
        # Ink is black on white; 1-bit files.
        self.assertEqual(set(np.unique(self.manifest.pixels)), {0, 255})
        self.assertBetween((self.manifest.pixels == 0).mean(), 0.02, 0.1)

    def test_alphabets_are_disjoint(self):
        names = self.manifest.class_names
        alphabets = [{name.partition("/")[0] for name in part} for part in (names[:136], names[136:])]
        self.assertEmpty(alphabets[0] & alphabets[1])
        self.assertEqual({name.partition("_")[0] for name in alphabets[1]}, {"Japanese", "Sanskrit", "Tagalog"})

    @parameterized.parameters(0, 777, 2719, 2720, 4839)
    def test_an_image_is_the_file_of_its_class(self, index):
        with zipfile.ZipFile(self.folder / (omniglot.TRAIN_ZIP if index < 2720 else omniglot.TEST_ZIP)) as archive:
            name = self.manifest.class_names[self.manifest.labels[index]]
            files = sorted(n for n in archive.namelist() if f"/{name}/" in n and n.endswith(".png"))
            pixels = np.asarray(Image.open(io.BytesIO(archive.read(files[index % 20]))).convert("L"))
        self.assertEqual(self.manifest.paths[index], files[index % 20])
        self.assertAllEqual(self.manifest.pixels[index, ..., 0], pixels)


class MadeUpTest(TensorTest):
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
        manifest = layouts.load("omniglot", self.folder)
        self.assertEqual(manifest.class_names, ("A/a", "Greek/character01", "Tagalog/character01"))
        self.assertEqual(manifest.counts(), {"train": Counts(20, 1), "test": Counts(40, 2)})
        self.assertAllEqual(manifest.pixels[:20, 0, 0, 0], np.arange(20))
        self.assertEqual(manifest.paths[1], "top/A/a/0001_02.png")
        check(manifest)

    def test_only_unseen_alphabets_are_for_test(self):
        manifest = layouts.load("omniglot", self.folder)
        test = manifest.subset(np.flatnonzero(manifest.splits == "test"))
        self.assertEqual(test.class_names, ("Tagalog/character01",))
        self.assertAllEqual(test.pixels[:, 0, 0, 0], np.arange(20, 40))

    @parameterized.parameters(omniglot.TRAIN_ZIP, omniglot.TEST_ZIP)
    def test_a_zip_is_missing(self, name):
        (self.folder / name).unlink()
        self.assert_refused(f"Omniglot needs {name}, and there is none in .* Pass --data_dir")

    def test_no_directory(self):
        for data_dir in (self.folder / "elsewhere", ""):
            with self.assertRaisesRegex(DataError, "Pass --data_dir"):
                layouts.load("omniglot", data_dir)

    def test_a_damaged_zip(self):
        path = self.folder / omniglot.TRAIN_ZIP
        whole = path.read_bytes()
        member = zipfile.ZipFile(path).infolist()[7]
        # A member is a header of 30 bytes, its name, and a compressed stream; 0xFF cannot begin one.
        stream = member.header_offset + 30 + len(member.filename)
        spoilt = (
            whole[:-1000],
            whole[:stream] + b"\xff" * 20 + whole[stream + 20 :],
            whole[: stream + 40] + b"\xff" * 20 + whole[stream + 60 :],
            b"<html>Not found</html>",
        )
        for contents in spoilt:
            path.write_bytes(contents)
            self.assert_refused(r"small1.zip is damaged \(.*\); fetch it again")

    def test_damaged_images(self):
        files, name = self.members(["Greek/character01"]), "top/Greek/character01/0001_07.png"
        # 50,000 × 50,000 pixels by its header, refused before they take memory.
        bomb = bytearray(files[name])
        bomb[16:24] = (50_000).to_bytes(4, "big") * 2
        bomb[29:33] = zlib.crc32(bomb[12:29]).to_bytes(4, "big")
        small = pictures.png_of(np.zeros((28, 105, 1), np.uint8))
        for contents, message in (
            (b"", ""),
            (b"no image", ""),
            (files[name][:-30], ""),
            (bytes(bomb), ""),
            (small, "105 × 28 pixels instead of 105 × 105"),
        ):
            self.write(omniglot.TRAIN_ZIP, {**files, name: contents})
            self.assert_refused(f"0001_07.png in .*small1.zip cannot be read .*{message}.*; fetch the archive again")

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
            layouts.load("omniglot", self.folder)
        self.assertIn(str(self.folder), str(caught.exception))
