"""Images that show the same: which pairs are found, and what is written of them."""

import csv
import functools
from unittest import mock

from absl.testing import absltest

from experiments import duplicates as module
from experiments.duplicates import FILES, NEAR, PIXELS, find_duplicates, write_duplicates
from models.serving.exported_model import ExportedModel
from models.serving.file_embedding import ImageError
from tests.support import pictures, served

_load = functools.cache(ExportedModel)


class DuplicatesTest(absltest.TestCase):
    def setUp(self):
        super().setUp()
        self.home = pictures.folder_for(self)
        self.images = self.home / "images"
        for name in ("one", "two"):
            (self.images / name).mkdir(parents=True)
        self.enter_context(mock.patch.object(module, "ExportedModel", _load))

    def write(self, name, pixels):
        (self.images / name).write_bytes(pictures.png_of(pixels))

    def write_digits(self):
        """Two different digits, a copy and a re-encoding of the first, and one that differs from it in a pixel."""
        first, second = served.digit_images(2)
        self.write("one/a.png", first)
        self.write("one/b.png", second)
        (self.images / "two" / "copy.png").write_bytes((self.images / "one" / "a.png").read_bytes())
        (self.images / "two" / "encoded.tif").write_bytes(
            pictures.file_of(pictures.Image.open(self.images / "one" / "a.png"), "TIFF")
        )
        almost = first.copy()
        almost[0, 0] = almost[0, 0] + 1
        self.write("two/near.png", almost)

    def found(self, **options):
        result = find_duplicates(str(self.images), **options)
        return [
            (pair.kind, *(path[len(str(self.images)) + 1 :] for path in (pair.first, pair.second)))
            for pair in result.pairs
        ]

    def test_without_a_model(self):
        self.write_digits()
        expected = [(FILES, "one/a.png", "two/copy.png"), (PIXELS, "one/a.png", "two/encoded.tif")]
        self.assertEqual(self.found(), expected)

    def test_near_ones(self):
        self.write_digits()
        (self.images / "notes.txt").write_text("no image")
        with self.assertLogs("ccp", "WARNING") as logs:
            found = self.found(model_dir=str(served.exported()))
        self.assertLen(logs.output, 1)
        self.assertEqual(found[2:], [(NEAR, "one/a.png", "two/near.png")])
        # Any two images are at most 2 apart; copies are represented by the first of them.
        everything = self.found(model_dir=str(served.exported()), threshold=2.0)
        pairs = [("one/a.png", "one/b.png"), ("one/a.png", "two/near.png"), ("one/b.png", "two/near.png")]
        self.assertCountEqual(everything[2:], [(NEAR, *pair) for pair in pairs])
        self.assertTrue((self.home / "images.index").exists())

    def test_bad_images(self):
        self.write_digits()
        for name in ("x.png", "y.png"):
            (self.images / name).write_text("no image")
        with self.assertRaisesRegex(ImageError, r"x\.png cannot be read .*--on_error=skip"):
            find_duplicates(str(self.images))
        result = find_duplicates(str(self.images), skip_unreadable=True)
        self.assertLen(result.pairs, 2)
        self.assertEqual([path for path, _ in result.skipped], [str(self.images / name) for name in ("x.png", "y.png")])

    def test_list_and_page(self):
        self.write_digits()
        result = find_duplicates(str(self.images), str(served.exported()))
        listed, page = write_duplicates(result, str(self.images), str(self.home / "out"))
        rows = list(csv.DictReader(listed.open()))
        self.assertEqual([row["kind"] for row in rows], [FILES, PIXELS, NEAR])
        self.assertEqual([row["same_folder"] for row in rows], ["no"] * 3)
        self.assertTrue(0 < float(rows[2]["distance"]) < 0.05)
        self.assertEqual(rows[0]["second"], str(self.images / "two" / "copy.png"))
        text = page.read_text()
        self.assertIn("3 pairs among 5 images", text)
        self.assertEqual(text.count("data:image/jpeg;base64"), 6)
        self.assertIn("one/a.png<br>two/copy.png", text)


if __name__ == "__main__":
    absltest.main()
