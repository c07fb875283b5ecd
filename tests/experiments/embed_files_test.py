"""Embeddings kept in a file: what it holds, what is reused, what is refused."""

import os

import numpy as np
from absl.testing import parameterized

from datasets.files import OutputError
from datasets.image_files import find_images
from experiments.embed_files import embed_images
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import ImageError
from tests.support import pictures, served

_MODEL = []  # Loaded once for all tests.


class EmbedImagesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.images = self.folder / "images"
        self.images.mkdir()
        self.output = self.folder / "embeddings.npz"
        _MODEL or _MODEL.append(ExportedModel(served.exported()))

    def write(self, *names, first=0):
        """A digit for each name, in its order."""
        for index, name in enumerate(names, start=first):
            (self.images / name).write_bytes(pictures.png_of(served.digit_images(20)[index]))

    def embed(self, skip=False, output=None, images=None, **options):
        files = find_images(str(images or self.images))
        return embed_images(_MODEL[0], files, str(output or self.output), skip, **options)

    def assert_written(self, names, digits):
        """The output holds these files, which are digits of these numbers."""
        with np.load(self.output) as file:
            self.assertEqual(set(file.files), {"embeddings", "paths", "stamps", "model"})
            self.assertEqual(file["paths"].tolist(), [str(self.images / name) for name in names])
            expected = served.expected(served.digit_images(20))[list(digits)]
            np.testing.assert_allclose(file["embeddings"], expected, rtol=0, atol=1e-5)
        self.assertEqual(sorted(os.listdir(self.folder)), ["embeddings.npz", "images"])

    def test_only_new_and_changed_images_are_embedded(self):
        self.write("a.png", "b.png", "c.png")
        self.assertEqual(self.embed().reused, 0)
        self.assert_written(["a.png", "b.png", "c.png"], [0, 1, 2])
        self.assertEqual(self.embed().reused, 3)
        (self.images / "a.png").unlink()
        self.write("b.png", "d.png", first=7)
        done = self.embed()
        self.assertEqual((done.paths, done.reused), ([str(self.images / f"{name}.png") for name in "bcd"], 1))
        self.assert_written(["b.png", "c.png", "d.png"], [7, 2, 8])

    def test_a_file_that_holds_something_else_is_overwritten_only_if_asked(self):
        self.write("a.png", "b.png")
        self.embed()
        with np.load(self.output) as file:
            arrays = dict(file)
        contents = self.output.read_bytes()
        middle = len(contents) // 2
        damaged, other_model = "holds something else than what main.py embed writes, or is damaged", "by another model"
        for write, message in (
            (lambda: np.savez(self.output, **{**arrays, "model": np.array("another")}), other_model),
            (lambda: np.savez(self.output, **{**arrays, "stamps": np.zeros(3)}), damaged),
            (lambda: np.savez(self.output, other=np.zeros(3)), damaged),
            (lambda: self.output.write_text("notes"), damaged),
            (lambda: self.output.write_bytes(contents[:100]), damaged),
            (lambda: self.output.write_bytes(contents[:middle] + b"damaged" + contents[middle + 7 :]), damaged),
        ):
            write()
            before = self.output.read_bytes()
            with self.assertRaisesRegex(OutputError, f"{message}.* Pass another --output, or --overwrite."):
                self.embed()
            self.assertEqual(self.output.read_bytes(), before)
            with self.assertLogs("ccp") as logs:
                self.assertEqual(self.embed(overwrite=True).reused, 0)
            self.assertIn(f"{message}", logs.output[0])
            self.assert_written(["a.png", "b.png"], [0, 1])

    def test_an_empty_file_holds_nothing_to_lose(self):
        self.write("a.png")
        self.output.touch()
        self.embed()
        self.assert_written(["a.png"], [0])

    def test_embeddings_of_other_images_stay_or_are_refused(self):
        self.write("a.png", "b.png")
        self.embed()
        written = self.output.stat().st_mtime_ns
        one = self.images / "b.png"
        with self.assertRaisesRegex(OutputError, r"also holds embeddings of 1 other images, as .*a\.png"):
            self.embed(images=one)
        done = self.embed(images=one, keep_others=True)
        self.assertEqual((done.paths, done.reused), ([str(one)], 1))
        np.testing.assert_allclose(done.embeddings, served.expected(served.digit_images(20))[[1]], rtol=0, atol=1e-5)
        self.assertEqual(self.output.stat().st_mtime_ns, written)  # Nothing is new.
        self.write("c.png", first=5)
        self.assertEqual(self.embed(images=self.images / "c.png", keep_others=True).reused, 0)
        self.assert_written(["a.png", "b.png", "c.png"], [0, 1, 5])

    def test_a_bad_image(self):
        self.write("a.png", "c.png")
        (self.images / "b.png").write_bytes(b"no image")
        with self.assertRaisesRegex(ImageError, r"b\.png cannot be read \(The file is no JPEG.*--on_error=skip"):
            self.embed()
        self.assertFalse(self.output.exists())
        done = self.embed(skip=True)
        self.assertEqual([path for path, _ in done.skipped], [str(self.images / "b.png")])
        self.assert_written(["a.png", "c.png"], [0, 1])

    def test_none_that_can_be_read(self):
        (self.images / "a.png").write_text("no image")
        with self.assertRaisesRegex(ImageError, r"None of the 1 files, as .*a\.png, could be read as an image"):
            self.embed(skip=True)
        self.assertFalse(self.output.exists())

    @parameterized.parameters("gone/out.npz", "images", "images/a.png/out.npz")
    def test_no_place_for_the_output(self, output):
        self.write("a.png")
        with self.assertRaisesRegex(OutputError, "cannot be written; pass --output"):
            self.embed(output=self.folder / output)
        self.assertEqual(os.listdir(self.folder), ["images"])
