"""Embedding image files by an exported model."""

import functools
import os
from unittest import mock

import numpy as np
from absl.testing import parameterized

from ccp.errors import UserError
from datasets.manifest import DataError
from experiments import file_embedder
from experiments.embed_files import ImageError, embed_files
from models.serving.export import ExportError, load_exported
from tests.support import pictures, served

_load_exported = functools.cache(load_exported)


@functools.cache
def _expected() -> np.ndarray:
    """The evaluation's embeddings of all digits that the tests write."""
    return served.expected(served.digit_images(80))


class EmbedFilesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.images = self.folder / "images"
        self.images.mkdir()
        self.output = self.folder / "embeddings.npz"
        # Loaded once for all tests.
        loading = mock.patch.object(file_embedder, "load_exported", _load_exported)
        loading.start()
        self.addCleanup(loading.stop)

    def write(self, *names, first=0):
        """A digit for each name, in its order."""
        for index, name in enumerate(names, start=first):
            path = self.images / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pictures.png_of(served.digit_images(80)[index]))

    def embed(self, images=None, skip=False, output=None):
        return embed_files(str(served.exported()), str(images or self.images), str(output or self.output), skip)

    def assert_written(self, names, digits):
        """The output holds these files under ``images``, which are digits of these numbers."""
        with np.load(self.output) as file:
            self.assertEqual(set(file.files), {"embeddings", "paths"})
            self.assertEqual(file["paths"].tolist(), [str(self.images / name) for name in names])
            np.testing.assert_allclose(file["embeddings"], _expected()[list(digits)], rtol=0, atol=1e-5)
        self.assertEqual(sorted(os.listdir(self.folder)), ["embeddings.npz", "images"])

    def test_a_directory_in_depth(self):
        # Sorted by path, of which "/" sorts before letters and after "-" and ".".
        self.write("b.png", "a/z.png", "a/deep/er/x.png", "a-b.png")
        self.assertEqual(self.embed(), (4, []))
        self.assert_written(["a-b.png", "a/deep/er/x.png", "a/z.png", "b.png"], [3, 2, 1, 0])

    def test_spaces_and_names_that_are_not_ascii(self):
        self.write("Übung 1/été – 字.png", "Übung 1/with space.png", "q'uo\"te.png")
        self.assertEqual(self.embed(), (3, []))
        self.assert_written(["q'uo\"te.png", "Übung 1/with space.png", "Übung 1/été – 字.png"], [2, 1, 0])

    def test_more_than_a_batch(self):
        # 70 files: batches of 64 and 6.
        self.assertEqual(file_embedder._BATCH, 64)
        names = [f"{index:03d}.png" for index in range(70)]
        self.write(*names)
        self.assertEqual(self.embed(), (70, []))
        self.assert_written(names, range(70))

    def test_a_pattern(self):
        self.write("a1.png", "a2.png", "b1.png", "deep/a3.png")
        self.embed(self.images / "a*.png")
        self.assert_written(["a1.png", "a2.png"], [0, 1])
        self.embed(self.images / "**" / "*3.png")
        self.assert_written(["deep/a3.png"], [3])

    @parameterized.parameters("one.png", "photo [1].png", "what?.png")
    def test_one_file(self, name):
        self.write("another.png", name)
        self.embed(self.images / name)
        self.assert_written([name], [1])

    @parameterized.parameters(
        (b"no image", "The file is no JPEG"), (b"", "The file is empty"), (b"\xff\xd8\xff\xe0", "")
    )
    def test_a_bad_image(self, contents, reason):
        self.write("a.png", "c.png")
        (self.images / "b.png").write_bytes(contents)
        with self.assertRaisesRegex(ImageError, rf"b\.png cannot be read \({reason}.*--on_error=skip"):
            self.embed()
        self.assertFalse(self.output.exists())
        count, ((path, why),) = self.embed(skip=True)
        self.assertEqual((count, path), (2, str(self.images / "b.png")))
        self.assertIn(reason, why)
        self.assert_written(["a.png", "c.png"], [0, 1])

    def test_bad_images_in_several_batches(self):
        names = [f"{index:03d}.png" for index in range(70)]
        self.write(*names)
        for bad in (0, 30, 69):
            (self.images / names[bad]).write_bytes(b"no image")
        count, skipped = self.embed(skip=True)
        self.assertEqual(count, 67)
        self.assertEqual([path for path, _ in skipped], [str(self.images / names[bad]) for bad in (0, 30, 69)])
        kept = [index for index in range(70) if index not in (0, 30, 69)]
        self.assert_written([names[index] for index in kept], kept)

    def test_a_link_to_nowhere(self):
        self.write("a.png")
        (self.images / "b.png").symlink_to(self.images / "gone.png")
        with self.assertRaisesRegex(ImageError, r"b\.png cannot be read \(No such file or directory\)"):
            self.embed()
        self.assertEqual(self.embed(skip=True), (1, [(str(self.images / "b.png"), "No such file or directory")]))
        self.assert_written(["a.png"], [0])

    @parameterized.parameters("", "nothing/", "*.jpg", "gone.png")
    def test_nothing_there(self, images):
        (self.images / "nothing").mkdir()
        with self.assertRaisesRegex(DataError, "There are no images in .*; pass a directory, or a quoted"):
            self.embed(os.path.join(self.images, images))

    def test_nothing_readable(self):
        (self.images / "a.png").write_text("no image")
        (self.images / "b.png").symlink_to(self.images / "gone.png")
        with self.assertRaisesRegex(ImageError, "None of the 2 files in .*images could be read as an image"):
            self.embed(skip=True)
        self.assertFalse(self.output.exists())

    @parameterized.parameters("gone/out.npz", "images", "images/a.png/out.npz")
    def test_no_place_for_the_output(self, output):
        # Found before the images are embedded, and nothing is left behind.
        self.write("a.png")
        with self.assertRaisesRegex(ImageError, "cannot be written; pass --output"):
            self.embed(output=self.folder / output)
        self.assertEqual(os.listdir(self.folder), ["images"])

    def test_the_output_is_replaced_as_a_whole(self):
        self.write("a.png", "b.png")
        self.embed()
        (self.images / "b.png").unlink()
        self.embed()
        self.assert_written(["a.png"], [0])

    def test_no_model(self):
        self.write("a.png")
        with self.assertRaises(ExportError):
            embed_files(str(self.folder), str(self.images), str(self.output), False)

    def test_is_an_error_for_the_user(self):
        self.assertTrue(issubclass(ImageError, UserError))
