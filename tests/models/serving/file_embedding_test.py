"""Image files embedded by an exported model."""

import functools

import numpy as np
from absl.testing import parameterized

from models.serving import file_embedding
from models.serving.file_embedding import ImageError, embed_files
from tests.support import pictures, served


@functools.cache
def _expected() -> np.ndarray:
    """The evaluation's embeddings of all digits that the tests write."""
    return served.expected(served.digit_images(80))


class EmbedFilesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)

    def write(self, *names):
        """A digit for each name, in its order."""
        for index, name in enumerate(names):
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pictures.png_of(served.digit_images(80)[index]))

    def embed(self, skip=False):
        return embed_files(served.signatures(), sorted(map(str, self.folder.iterdir())), skip)

    def test_several_batches_with_bad_files(self):
        self.assertEqual(file_embedding._BATCH, 64)
        names = [f"{index:03d}.png" for index in range(70)]
        self.write(*names)
        bad = (0, 30, 69)
        for index in bad:
            (self.folder / names[index]).write_bytes(b"no image")
        done = self.embed(skip=True)
        kept = [index for index in range(70) if index not in bad]
        self.assertEqual(done.paths, [str(self.folder / names[index]) for index in kept])
        self.assertEqual([path for path, _ in done.skipped], [str(self.folder / names[index]) for index in bad])
        np.testing.assert_allclose(done.embeddings, _expected()[kept], rtol=0, atol=1e-5)

    @parameterized.parameters(
        (b"no image", "The file is no JPEG"), (b"", "The file is empty"), (b"\xff\xd8\xff\xe0", "The image is damaged")
    )
    def test_a_bad_file(self, contents, reason):
        self.write("a.png", "c.png")
        (self.folder / "b.png").write_bytes(contents)
        with self.assertRaisesRegex(ImageError, rf"b\.png cannot be read \({reason}.*--on_error=skip"):
            self.embed()
        ((path, why),) = self.embed(skip=True).skipped
        self.assertEqual(path, str(self.folder / "b.png"))
        self.assertStartsWith(why, reason)

    def test_a_link_to_nowhere(self):
        (self.folder / "b.png").symlink_to(self.folder / "gone.png")
        done = self.embed(skip=True)
        self.assertEqual(done.skipped, [(str(self.folder / "b.png"), "No such file or directory")])
        self.assertEqual(done.embeddings.shape, (0, 6))

    @parameterized.parameters("WEBP", "TIFF", "GIF", "BMP")
    def test_formats_that_the_model_does_not_read(self, file_format):
        image = pictures.photograph("L")
        options = {"lossless": True} if file_format == "WEBP" else {}
        (self.folder / "image").write_bytes(pictures.file_of(image, file_format, **options))
        expected = served.expected(np.asarray(image)[np.newaxis, ..., np.newaxis])
        np.testing.assert_allclose(self.embed().embeddings, expected, rtol=0, atol=1e-5)
