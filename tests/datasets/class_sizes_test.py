"""The table of class sizes, and the notes on classes of one image."""

from absl.testing import absltest

from datasets.class_sizes import class_size_table, lone_class_notes
from datasets.manifest import Entry, assemble


def manifest(sizes, roles=False):
    """A manifest with as many images of each class of each split; with roles, ``query`` and ``gallery`` are splits."""
    entries = [
        Entry(f"{split}/{name}/{number}", name, "test" if roles else split, split if roles else "")
        for split, classes in sizes.items()
        for name, count in classes.items()
        for number in range(count)
    ]
    return assemble("made up", "", entries, sorted({entry.class_name for entry in entries}))


class ClassSizesTest(absltest.TestCase):
    def test_table(self):
        train = {"ant": 3, "bee": 2, "cat": 1_000, "dog": 5, "eel": 9, "fly": 2, "gnu": 7, "hen": 8}
        lines = class_size_table(manifest({"train": train, "test": {"owl": 4, "pig": 1}})).split("\n")
        expected = [
            "images per class     min  median     max",
            # Of 2, 2, 3, 5, 7, 8, 9 and 1,000 the fourth and fifth have the mean 6.
            "train                  2       6   1,000",
            "test                   1     2.5       4",
            "train, smallest: bee (2), fly (2), ant (3) …",
            "train, largest: cat (1,000), eel (9), hen (8) …",
            "test, by size: pig (1), owl (4)",
        ]
        self.assertEqual(lines, expected)

    def test_classes_of_one_image(self):
        of_one = dict.fromkeys("abcde", 1)
        self.assertEqual(
            lone_class_notes(manifest({"train": of_one, "test": {"x": 1, "y": 2}})),
            [
                "5 of 5 train classes have a single image: a, b, c …. It has no positive; add images.",
                "1 of 2 test classes have a single image: x. It has nothing to find, so it is not scored; add images.",
            ],
        )
        self.assertEmpty(lone_class_notes(manifest({"train": {"a": 2}, "test": {"x": 2}})))

    def test_queries_without_gallery(self):
        # One query of a class and one of its gallery are enough.
        made = manifest({"query": {"a": 1, "b": 3}, "gallery": {"a": 1, "c": 1}}, roles=True)
        (note,) = lone_class_notes(made)
        self.assertStartsWith(note, "1 of 2 query classes have no gallery image: b. Their queries have nothing to find")


if __name__ == "__main__":
    absltest.main()
