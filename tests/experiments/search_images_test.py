"""Searching a gallery of image files: exact answers, embeddings kept and renewed, pictures of what was found."""

import contextlib
import functools
import io
import os
from unittest import mock

import numpy as np
import tensorflow as tf
from absl.testing import parameterized
from PIL import Image

import main
from datasets.files import OutputError
from datasets.manifest import DataError
from evaluate.errors import EvaluationError
from experiments import search_images as module
from experiments.search_images import draw_answers, search_images
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import ImageError
from tests.support import pictures, served

_load = functools.cache(ExportedModel)
COUNT = 30


class SearchImagesTest(parameterized.TestCase, tf.test.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)
        self.gallery = self.folder / "gallery"
        self.gallery.mkdir()
        digits = served.digit_images(COUNT + 3)
        for number in range(COUNT):
            self.write(self.gallery / f"{number:02}.png", digits[number])
        self.queries = [self.folder / f"query{number}.png" for number in range(3)]
        for number, path in enumerate(self.queries):
            self.write(path, digits[COUNT + number])
        self.embeddings = served.expected(digits)
        loading = mock.patch.object(module, "ExportedModel", _load)
        loading.start()
        self.addCleanup(loading.stop)

    def write(self, path, pixels):
        path.write_bytes(pictures.png_of(pixels))

    def search(self, query=None, **options):
        query = query or self.folder / "query*.png"
        return search_images(str(served.exported()), str(self.gallery), str(query), **options)

    def test_finds_the_nearest(self):
        result = self.search(count=4)
        self.assertEqual([answer.query for answer in result.answers], [str(path) for path in self.queries])
        self.assertEqual((result.num_images, result.reused, result.skipped), (COUNT, 0, []))
        for number, answer in enumerate(result.answers):
            distances = np.linalg.norm(self.embeddings[:COUNT] - self.embeddings[COUNT + number], axis=1)
            order = np.argsort(distances)[:4]
            self.assertEqual(answer.paths, [str(self.gallery / f"{place:02}.png") for place in order])
            self.assertAllClose(answer.distances, distances[order], atol=1e-5)

    def test_a_copy_is_at_distance_0_and_more_than_there_are_is_all(self):
        result = self.search(query=self.gallery / "07.png", count=99)
        (answer,) = result.answers
        self.assertEqual((answer.paths[0], answer.distances[0]), (str(self.gallery / "07.png"), 0.0))
        self.assertLen(answer.paths, COUNT)
        self.assertAllEqual(answer.distances, np.sort(answer.distances))

    @parameterized.parameters(None, "gallery/index.npz")
    def test_embeddings_are_kept(self, index):
        path = index and str(self.folder / index)
        first, again = self.search(index=path), self.search(index=path)
        self.assertTrue((self.folder / (index or "gallery.embeddings.npz")).exists())
        self.assertEqual((first.reused, again.reused, again.num_images), (0, COUNT, COUNT))
        self.assertEqual([a.paths for a in again.answers], [a.paths for a in first.answers])

    def test_bad_images(self):
        (self.gallery / "bad.png").write_text("no image")
        with self.assertRaisesRegex(ImageError, r"bad\.png cannot be read"):
            self.search()
        result = self.search(skip_unreadable=True)
        self.assertEqual([path for path, _ in result.skipped], [str(self.gallery / "bad.png")])
        self.assertEqual(result.num_images, COUNT)
        with self.assertRaisesRegex(ImageError, r"bad\.png cannot be read"):
            self.search(query=self.gallery / "bad.png", skip_unreadable=True)

    def test_nothing_there(self):
        with self.assertRaisesRegex(DataError, "There is no file or directory"):
            self.search(query=self.folder / "none.png")
        with self.assertRaisesRegex(DataError, "There is no file or directory"):  # Before the model is even looked for.
            search_images("no/model", str(self.folder / "none"), str(self.folder / "none.png"))
        with self.assertRaisesRegex(OutputError, "answers.png cannot be written"):
            draw_answers(self.search(), str(self.gallery / os.listdir(self.gallery)[0] / "answers.png"))

    def test_a_picture_without_a_place_is_refused_before_the_work(self):
        for place in (self.gallery, self.gallery / "07.png" / "answers.png", self.folder / "no" / "answers.png"):
            with contextlib.redirect_stderr(io.StringIO()) as err:
                code = main.main(
                    ["search", "--model=no/such", f"--gallery={self.gallery}", "--query=none", f"--output={place}"]
                )
            said = f"error: {place} cannot be written; pass --output, a file in a directory that you may write to.\n"
            self.assertEqual((code, err.getvalue()), (1, said))

    def test_the_picture_shows_every_query_with_what_it_found(self):
        path = draw_answers(self.search(count=5), str(self.folder / "answers.png"))
        with Image.open(path) as picture:
            self.assertGreater(picture.size[0], 400)
            # Three rows of six cells.
            self.assertBetween(picture.size[1] / picture.size[0], 0.45, 0.75)
            self.assertGreater(np.asarray(picture.convert("L")).std(), 20)

    def test_embeddings_that_are_not_finite(self):
        self.search()
        index = self.folder / "gallery.embeddings.npz"
        with np.load(index) as file:
            arrays = dict(file)
        arrays["embeddings"][3] = np.nan
        np.savez(index, **arrays)
        with self.assertRaisesRegex(EvaluationError, "1 of 30 gallery embeddings are not finite"):
            self.search()
