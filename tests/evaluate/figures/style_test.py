"""Names as they are, and files."""

from absl.testing import parameterized

from datasets.files import OutputError
from evaluate import figures
from evaluate.figures.style import escaped_name, new_figure, shortened
from tests.support import pictures


class NamesTest(parameterized.TestCase):
    @parameterized.parameters(("abcdefg", 7, "abcdefg"), ("abcdefgh", 7, "abc…fgh"), ("abcdefgh", 6, "abc…gh"))
    def test_shortened(self, name, most, expected):
        self.assertEqual(shortened(name, most), expected)

    def test_nothing_is_a_formula(self):
        self.assertEqual(escaped_name("$x$ \n y"), r"\$x\$ y")


class FilesTest(parameterized.TestCase):
    def test_save_makes_the_folder(self):
        figure = new_figure()
        path = figures.save(figure, pictures.folder_for(self) / "made" / "empty.png")
        self.assertEqual(path.read_bytes(), figures.to_png(figure))
        with self.assertRaisesRegex(OutputError, "made cannot be written"):
            figures.save(figure, path.parent)
