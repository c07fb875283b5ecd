"""Text files that users bring."""

import os

from absl.testing import parameterized

from datasets.manifest import DataError
from datasets.text_files import find, is_inside, read_text
from tests.support import pictures
from tests.support.tensors import TensorTest


class ReadTextTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.path = pictures.folder_for(self) / "list.txt"

    @parameterized.parameters(
        (b"", ""),
        (b"a b\nc\n", "a b\nc\n"),
        (b"a\tb\r\nc\r\n", "a\tb\nc\n"),  # As Windows ends lines.
        (b"a\tb\rc\r", "a\tb\nc\n"),  # As spreadsheets of the Mac may end them.
        (b"\xef\xbb\xbfa", "a"),  # As Windows begins files.
        ("Zürich/大.jpg".encode(), "Zürich/大.jpg"),
    )
    def test_what_is_text(self, contents, expected):
        self.path.write_bytes(contents)
        self.assertEqual(read_text(str(self.path)), expected)

    @parameterized.parameters(
        (b"a\nb\n\xe9t\xe9\n", 3, "not UTF-8 text"),  # Latin 1.
        (b"\xef\xbb\xbfa\n\xff", 2, "not UTF-8 text"),
        ("a\n".encode("utf-16"), 1, "not UTF-8 text"),
        (b"a\nb\0c", 2, r"the character '\\x00' is in no text file"),
        (b"a\rb\n", 1, r"the character '\\r' is in no text file"),
    )
    def test_what_is_none(self, contents, line, message):
        self.path.write_bytes(contents)
        with self.assertRaisesRegex(DataError, rf"list\.txt:{line}: {message}"):
            read_text(str(self.path))

    def test_not_a_file(self):
        with self.assertRaisesRegex(DataError, "cannot be read: Is a directory"):
            read_text(str(self.path.parent))


class FindTest(TensorTest):
    def test_first_that_is_there(self):
        folder = pictures.folder_for(self)
        (folder / "b").mkdir()
        (folder / "b" / "x.txt").touch()
        self.assertEqual(find("cub", str(folder), "a/x.txt", "b/x.txt"), f"{folder}/b/x.txt")
        (folder / "x.txt").mkdir()  # A folder is no file.
        self.assertEqual(find("cub", str(folder), "x.txt", "b/x.txt"), f"{folder}/b/x.txt")

    def test_none_is_there(self):
        with self.assertRaises(DataError) as caught:
            find("cub", "data", "Eval/list.txt", "list.txt", "Eval/list2.txt")
        self.assertEqual(
            str(caught.exception),
            "The data set cub needs the file list.txt, and there is none in data/Eval or data. 'main.py prepare "
            "--dataset=cub' puts it there; or pass --data_dir, its directory.",
        )


class IsInsideTest(TensorTest):
    @parameterized.parameters("a.jpg", "a/b.jpg", "a b/c.jpg", "a..b/..c.jpg", "大/é.jpg", os.fsdecode(b"caf\xe9.jpg"))
    def test_inside(self, path):
        self.assertTrue(is_inside(path))

    @parameterized.parameters("", "/a.jpg", "../a.jpg", "a/../../b.jpg", "..", "a\0.jpg", "a\nb.jpg", "\ud800.jpg")
    def test_outside_or_no_file(self, path):
        self.assertFalse(is_inside(path))
