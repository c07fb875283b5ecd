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
from datasets.image_files import find_images
from datasets.manifest import DataError
from evaluate.errors import EvaluationError
from experiments import search_images as module
from experiments.image_index import index_images
from experiments.index_files import read_index, write_index
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
            # The model's threshold is 0.5, from 0.3 to 0.6.
            verdicts = ["same" if d < 0.3 else "different" if d > 0.6 else "unsure" for d in answer.distances]
            self.assertEqual(answer.verdicts, verdicts)

    def test_another_order(self):
        plain, answer = (
            self.search(count=COUNT).answers[0],
            self.search(count=COUNT, reranking="k_reciprocal").answers[0],
        )
        self.assertNotEqual(answer.paths, plain.paths)
        by_path = dict(zip(plain.paths, plain.distances))
        self.assertAllClose(answer.distances, [by_path[path] for path in answer.paths], rtol=0, atol=1e-12)

    def test_a_copy_is_at_distance_0_and_more_than_there_are_is_all(self):
        result = self.search(query=self.gallery / "07.png", count=99)
        (answer,) = result.answers
        self.assertEqual(answer.paths[0], str(self.gallery / "07.png"))
        self.assertNear(answer.distances[0], 0.0, 1e-6)  # Keras 3 rounds batches of another size otherwise.
        self.assertLen(answer.paths, COUNT)
        self.assertAllEqual(answer.distances, np.sort(answer.distances))

    @parameterized.parameters(None, "gallery/index")
    def test_embeddings_are_kept(self, index):
        path = index and str(self.folder / index)
        first, again = self.search(index=path), self.search(index=path)
        self.assertTrue((self.folder / (index or "gallery.index")).exists())
        self.assertEqual((first.reused, again.reused, again.num_images), (0, COUNT, COUNT))
        self.assertEqual([a.paths for a in again.answers], [a.paths for a in first.answers])

    def test_searches_a_part_of_what_embed_has_embedded(self):
        digits, index = served.digit_images(COUNT), self.folder / "index"
        (self.gallery / "part").mkdir()
        for number in (3, 4):
            self.write(self.gallery / "part" / f"{number}.png", digits[number])
        gallery = str(self.gallery)
        index_images(_load(str(served.exported())), gallery, find_images(gallery), str(index), False, False)
        before = (index / "index.json").stat()
        result = search_images(
            str(served.exported()), str(self.gallery / "part"), str(self.queries[0]), index=str(index)
        )
        self.assertEqual((result.num_images, result.reused), (2, 2))
        self.assertEqual((index / "index.json").stat(), before)

    def test_an_index_of_something_else(self):
        index = self.folder / "index"
        index.mkdir()
        (index / "notes.txt").write_text("notes")
        with self.assertRaisesRegex(OutputError, "holds something else .* Pass another --index, or --overwrite."):
            self.search(index=str(index))
        self.assertEqual(self.search(index=str(index), overwrite=True).num_images, COUNT)
        # The one beside the gallery is the search's own.
        (self.folder / "gallery.index").mkdir()
        (self.folder / "gallery.index" / "notes.txt").write_text("notes")
        with self.assertLogs("ccp", "WARNING") as logs:
            self.assertEqual(self.search().num_images, COUNT)
        self.assertIn("it is overwritten", logs.output[0])

    def test_other_files_are_warned_of_once(self):
        (self.gallery / "notes.txt").write_text("no image")
        with self.assertLogs("ccp", "WARNING") as logs:
            self.search()
        self.assertLen(logs.output, 1)

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

    def test_classes_are_folders_of_the_gallery(self):
        digits = served.digit_images(8)
        for number, place in enumerate(
            ("gallery/one/1.png", "gallery/two/x/2.png", "test/two/3.png", "test/ten/4.png")
        ):
            (self.folder / place).parent.mkdir(parents=True, exist_ok=True)
            self.write(self.folder / place, digits[number])
        queries = (
            ("gallery/two/x/2.png", "two"),
            ("test/two/3.png", "two"),
            ("test/ten/4.png", ""),
            ("query0.png", ""),
        )
        for query, expected in queries:
            for gallery in (self.gallery, f"{self.gallery}/**/*.png"):
                result = search_images(str(served.exported()), str(gallery), str(self.folder / query), count=99)
                (answer,) = result.answers
                self.assertEqual(answer.class_name, expected)
                classes = dict(zip(answer.paths, answer.class_names))
                self.assertEqual(classes.pop(str(self.gallery / "one" / "1.png")), "one")
                self.assertEqual(classes.pop(str(self.gallery / "two" / "x" / "2.png")), "two")
                self.assertEqual(set(classes.values()), {""})

    def test_the_picture_marks_and_names_what_was_found(self):
        digits = served.digit_images(8)
        for name in ("one", "two"):
            (self.gallery / name).mkdir()
        self.write(self.gallery / "one" / "a.png", digits[0])
        self.write(self.gallery / "one" / "b.png", digits[1])
        self.write(self.gallery / "two" / "c.png", digits[2])
        result = self.search(query=self.gallery / "one" / "a.png", count=99)
        with mock.patch.object(module, "draw_retrievals", wraps=module.draw_retrievals) as draw:
            path = draw_answers(result, str(self.folder / "answers.png"))
        (row,), thumbnail, *_ = draw.call_args.args
        self.assertEqual(row.title, f"a.png (one): the nearest 20 of {COUNT + 3}")
        answer = result.answers[0]
        self.assertLen(row.captions, 20)
        for place, (distance, name, file) in enumerate(row.captions):
            self.assertEqual(distance, f"{answer.distances[place]:.4f}  {answer.verdicts[place]}")
            is_query = answer.paths[place] == answer.query
            self.assertEqual(file, "the query itself" if is_query else os.path.basename(answer.paths[place]))
            self.assertEqual(name, answer.class_names[place] or "–")
            self.assertEqual(row.right[place], None if is_query else name == "one")
            with Image.open(answer.paths[place]) as image:
                self.assertAllEqual(thumbnail(int(row.found[place])), np.asarray(image.convert("RGB")))
        with Image.open(path) as picture:
            # Query and five answers beside each other, each of at least 150 pixels; four lines of answers.
            self.assertGreater(picture.size[0], 6 * 160)
            self.assertBetween(picture.size[1], 4 * 160, 4 * 260)

    def test_without_classes_nothing_is_marked(self):
        with mock.patch.object(module, "draw_retrievals", wraps=module.draw_retrievals) as draw:
            draw_answers(self.search(count=2), str(self.folder / "answers.png"))
        rows = draw.call_args.args[0]
        self.assertEqual([row.title for row in rows], ["query0.png", "query1.png", "query2.png"])
        self.assertEqual([row.right for row in rows], [[None] * 2] * 3)

    def test_embeddings_that_are_not_finite(self):
        self.search()
        index = read_index(self.folder / "gallery.index")
        index.embeddings[3] = np.nan
        write_index(self.folder / "gallery.index", index)
        with self.assertRaisesRegex(EvaluationError, "1 of 30 gallery embeddings are not finite"):
            self.search()
