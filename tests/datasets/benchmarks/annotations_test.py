"""Annotation files: what is read, and where what is wrong is named."""

from absl.testing import parameterized

from datasets.benchmarks.annotations import outward, read_table
from datasets.manifest import Box, DataError
from tests.support import pictures
from tests.support.tensors import TensorTest


class TableTest(TensorTest):
    def setUp(self):
        super().setUp()
        self.folder = pictures.folder_for(self)

    def table(self, text, columns=("id", "path"), name="list.txt", **options):
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_table(str(path), columns, **options)

    @parameterized.parameters(
        "1 a\n2 b\n", "1 a\n2 b", "1 a\n2 b\n\n  \n\t\n", "1 a\r\n2 b\r\n", "\ufeff  1\ta \n2   b"
    )
    def test_columns(self, text):
        table = self.table(text)
        self.assertEqual(table.columns, {"id": ("1", "2"), "path": ("a", "b")})

    @parameterized.parameters("", "\n", " \n\n")
    def test_nothing(self, text):
        self.assertEqual(self.table(text).columns, {"id": (), "path": ()})

    @parameterized.parameters(
        ("1 2 a  b c", ("x", "y", "path"), ("1", "2", "a  b c")),
        ("a  b c 1 2", ("path", "x", "y"), ("a  b c", "1", "2")),
        ("1 a  b c 2", ("x", "path", "y"), ("1", "a  b c", "2")),
        ("1 a\u00a0b 2", ("x", "path", "y"), ("1", "a\u00a0b", "2")),  # A no-break space is white space as well.
        ("a b", ("path",), ("a b",)),
        ("1 2 a", ("x", "y", "path"), ("1", "2", "a")),
    )
    def test_a_path_with_spaces(self, line, columns, expected):
        table = self.table(f"{line}\r\n", columns, path_column="path")
        self.assertEqual(tuple(table.columns[name][0] for name in columns), expected)

    @parameterized.parameters(
        ("1 a\n2\n3 c", 2, "expected 2 columns .id path.; found 1: '2'"),
        ("1 a\n\n3 c", 2, "expected 2 columns .id path.; found 0: ''"),
        ("1 a b", 1, "expected 2 columns .id path.; found 3: '1 a b'"),
        ("1 a\n2 b\n3 \xe9".encode("latin-1"), 3, "not UTF-8"),
    )
    def test_other_columns(self, text, line, message):
        with self.assertRaisesRegex(DataError, rf"list\.txt:{line}: {message}"):
            self.table(text)

    def test_a_header(self):
        self.assertEqual(self.table("id path\n1 a\n", header=True).columns["path"], ("a",))
        for text in ("1 a\n2 b", "", "path id\n1 a"):
            with self.assertRaisesRegex(DataError, r"list\.txt:1: expected the names of the columns, 'id path'"):
                self.table(text, header=True)

    def test_a_count(self):
        table = self.table("2\nid path\n1 a\n2 b\n", header=True, counted=True)
        self.assertEqual(table.columns["id"], ("1", "2"))
        with self.assertRaisesRegex(DataError, r"list\.txt:4: here"):
            raise table.error(1, "here")

    @parameterized.parameters(
        ("3\nid path\n1 a\n2 b\n", 1, "expected the number of rows, which is 2; found '3'"),
        ("x\nid path\n1 a\n", 1, "expected the number of rows, which is 1; found 'x'"),
        ("2\n1 a\n2 b\n", 2, "expected the names of the columns"),
        ("2", 2, "expected the names of the columns"),
        ("2\nid path\n1 a\n2\n", 4, "expected 2 columns"),
    )
    def test_another_count(self, text, line, message):
        with self.assertRaisesRegex(DataError, rf"list\.txt:{line}: {message}"):
            self.table(text, header=True, counted=True)

    def test_numbers(self):
        table = self.table("7 1.5\n08 -2e1\n")
        self.assertEqual(table.whole_numbers("id"), [7, 8])
        self.assertEqual(table.numbers("path"), [1.5, -20.0])

    @parameterized.parameters("1.0", "-1", "+1", "1_0", "x", "٣", "1" * 16)
    def test_no_whole_number(self, text):
        with self.assertRaisesRegex(DataError, r"list\.txt:2: id should be a whole number; found '.+'"):
            self.table(f"1 a\n{text} b").whole_numbers("id")

    @parameterized.parameters("nan", "inf", "-inf", "1e10", "1_0", "x", "0x10", "1,5")
    def test_no_number(self, text):
        with self.assertRaisesRegex(DataError, r"list\.txt:2: id should be a number; found '.+'"):
            self.table(f"1 a\n{text} b").numbers("id")

    @parameterized.parameters("/b", "../b", "b/../../c")
    def test_a_path_that_leads_out(self, path):
        with self.assertRaisesRegex(DataError, r"list\.txt:2: path should be below the data set's directory; found"):
            self.table(f"1 a\n2 {path}").paths("path")

    def test_rows_of_another_order(self):
        one, other = self.table("1 a\n2 b\n3 c"), self.table("3 x\n1 y\n2 z", name="other.txt")
        # The other's ids 3, 1, 2 are in the one's rows 2, 0, 1.
        self.assertEqual(one.rows_like(other, "id"), [2, 0, 1])

    @parameterized.parameters(
        ("1 a\n2 b\n1 c", "1 a\n2 b", r"list\.txt:3: id '1' occurs twice, first on line 1"),
        ("1 a\n2 b", "1 a\n2 b\n2 b", r"other\.txt:3: id '2' occurs twice, first on line 2"),
        ("1 a\n2 b", "1 a", r"list\.txt:2: id '2' is not in .*other\.txt"),
        ("1 a", "1 a\n2 b", r"other\.txt:2: id '2' is not in .*list\.txt"),
    )
    def test_rows_that_do_not_match(self, one, other, message):
        with self.assertRaisesRegex(DataError, message):
            self.table(one).rows_like(self.table(other, name="other.txt"), "id")

    def test_boxes_grow_to_whole_pixels(self):
        self.assertEqual(outward(1.2, -0.5, 3.2, 4.0), Box(1, -1, 4, 4))
