"""Image files in directories and by patterns."""

import os

from absl.testing import parameterized

from datasets.image_files import find_images
from datasets.manifest import DataError
from tests.support import pictures


class FindImagesTest(parameterized.TestCase):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)

    def put(self, *names):
        for name in names:
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()

    def found(self, place=""):
        return [os.path.relpath(path, self.folder) for path in find_images(os.path.join(self.folder, place))]

    def test_a_directory_in_depth(self):
        self.put("b.png", "a/z.JPG", "a/deep/er/x.webp", "a-b.png")
        # Sorted by path; "-" sorts before "/".
        self.assertEqual(self.found(), ["a-b.png", "a/deep/er/x.webp", "a/z.JPG", "b.png"])

    def test_other_files_are_left_out_with_a_warning(self):
        self.put("a.png", "notes.txt", "b/list.csv")
        with self.assertLogs("ccp", "WARNING") as logs:
            self.assertEqual(self.found(), ["a.png"])
        self.assertIn("left out 2 files without an image extension, as ", logs.output[0])

    def test_patterns_and_single_files(self):
        self.put("a1.png", "a2.png", "b1.png", "deep/a3.png", "photo [1].png", "what?.png", "odd.data")
        self.assertEqual(self.found("a*.png"), ["a1.png", "a2.png"])
        self.assertEqual(self.found("**/*3.png"), ["deep/a3.png"])
        for name in ("photo [1].png", "what?.png", "odd.data"):
            self.assertEqual(self.found(name), [name])

    @parameterized.parameters(
        ("empty", "There are no images in .*; pass a directory, or a quoted pattern"),
        ("*.jpg", "There are no images in .*; pass a directory, or a quoted pattern"),
        ("gone.png", "There is no file or directory .*gone.png"),
    )
    def test_nothing(self, place, message):
        (self.folder / "empty").mkdir()
        with self.assertRaisesRegex(DataError, message):
            self.found(place)
