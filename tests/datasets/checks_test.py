"""The checks: each problem alone, and nothing sound is refused."""

import dataclasses

import numpy as np
from absl.testing import parameterized

from datasets.checks import check, count_problems, missing_files, structure_problems
from datasets.manifest import GALLERY, QUERY, TEST, TRAIN, VALIDATION, Box, Counts, DataError, Entry, assemble
from tests.support import pictures
from tests.support.tensors import TensorTest

_NAMES = ("a", "b", "c", "d")
_EXPECTED = {"train": Counts(4, 2), "test": Counts(4, 2)}


def _manifest():
    """Two images of each of four classes; c and d are for test."""
    entries = [
        Entry(f"{name}/{number}.jpg", name, TEST if name in "cd" else TRAIN, box=Box(1, 2, 3, 4))
        for name in _NAMES
        for number in range(2)
    ]
    return assemble("zoo", "root", entries, _NAMES)


def _with(**columns):
    """The manifest with some values of some columns replaced: from index to value."""
    manifest = _manifest()
    changed = {}
    for name, values in columns.items():
        column = getattr(manifest, name)
        column = column.astype(object) if column.dtype.kind == "U" else column.copy()  # Of texts of any length.
        for index, value in values.items():
            column[index] = value
        changed[name] = column
    return dataclasses.replace(manifest, **changed)


class CheckTest(TensorTest):
    def test_a_sound_one(self):
        check(_manifest())
        check(_manifest(), _EXPECTED)
        check(_with(splits={1: VALIDATION}))  # Validation may share the training classes.
        check(_with(roles={4: QUERY, 5: GALLERY, 6: QUERY, 7: GALLERY}))
        check(dataclasses.replace(_manifest(), boxes=None))

    @parameterized.named_parameters(
        ("split", {"splits": {0: "dev"}}, "a split is one of 'train', 'validation', 'test'; found 'dev'"),
        ("training role", {"roles": {0: QUERY}}, "only test examples are queries or gallery; others are too"),
        ("validation role", {"splits": {0: VALIDATION}, "roles": {0: GALLERY}}, "only test examples are queries"),
        ("no gallery", {"roles": dict.fromkeys(range(4, 8), QUERY)}, "with some of both, or neither; found .* 'query'"),
        ("no query", {"roles": dict.fromkeys(range(4, 8), GALLERY)}, "some of both, or neither; found .* 'gallery'"),
        ("half a role", {"roles": {4: QUERY, 5: GALLERY}}, "or neither; found the roles '', 'gallery', 'query'"),
        ("seen in training", {"splits": {3: TEST}}, "test classes must be unseen in training; 1 are in both: b"),
        ("seen in validation", {"splits": {7: VALIDATION}}, "test classes must be unseen .*; 1 are in both: d"),
        ("path", {"paths": {6: "a/0.jpg"}}, "no image may occur twice; 1 do: a/0.jpg"),
        ("no width", {"boxes": {2: (3, 2, 3, 4)}}, r"1 boxes hold no pixel of their image: b/0.jpg, as \[3, 2, 3, 4\]"),
        ("no height", {"boxes": {2: (1, 4, 3, 4)}}, r"as \[1, 4, 3, 4\]"),
        ("reversed", {"boxes": {2: (3, 2, 1, 4), 5: (3, 2, 1, 4)}}, "2 boxes hold no pixel .* b/0.jpg, c/1.jpg, as"),
        ("left of it", {"boxes": {2: (-3, 2, 0, 4)}}, r"as \[-3, 2, 0, 4\]"),
        ("above it", {"boxes": {2: (1, -2, 3, 0)}}, r"as \[1, -2, 3, 0\]"),
    )  # fmt: skip
    def test_a_problem(self, changes, message):
        with self.assertRaisesRegex(DataError, f"^zoo: .*{message}"):
            check(_with(**changes))
        self.assertLen(structure_problems(_with(**changes)), 1)

    def test_an_unknown_role(self):
        with self.assertRaisesRegex(DataError, "zoo: a role is one of '', 'query', 'gallery'; found 'probe'"):
            check(_with(roles={4: "probe"}))

    def test_only_a_few_are_named(self):
        manifest = _with(paths=dict.fromkeys(range(8), "x"))
        self.assertIn("1 do: x.", structure_problems(manifest)[0])
        boxes = dict.fromkeys(range(7), (0, 0, 0, 0))
        self.assertIn(": a/0.jpg, a/1.jpg, b/0.jpg, b/1.jpg, c/0.jpg …, as", structure_problems(_with(boxes=boxes))[0])

    @parameterized.parameters(
        ({"train": Counts(5, 2)}, "train should have 5 images of 2 classes; it has 4 of 2.*--allow_subset", True),
        ({"test": Counts(4, 3)}, "test should have 4 images of 3 classes; it has 4 of 2.*--allow_subset", True),
        ({"query": Counts(1, 1)}, "query should have 1 image of 1 class; it has 0 of 0.*--allow_subset", True),
        ({"test": Counts(0, 0)}, "test should have 0 images of 0 classes; it has 4 of 2. Fix the annotations", False),
        ({"train": Counts(5, 1)}, "train should have 5 images of 1 class; it has 4 of 2. Fix the annotat", False),
    )
    def test_other_counts(self, different, message, is_subset):
        expected = {**_EXPECTED, **different}
        with self.assertRaisesRegex(DataError, f"zoo: {message}"):
            check(_manifest(), expected)
        (split,) = different
        self.assertEqual(list(count_problems(_manifest().counts(), expected)), [split])
        self.assertEqual(list(count_problems(_manifest().counts(), expected, True)), [] if is_subset else [split])


class MissingFilesTest(TensorTest):
    def test_missing_ones(self):
        root = pictures.folder_for(self)
        for name in ("a/0.jpg", "a/1.jpg", "b/0.jpg", "d/1.jpg"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).touch()
        (root / "d/0.jpg").mkdir()  # A folder is no image.
        (root / "c").touch()
        (root / "a" / "loop").symlink_to("loop")  # A link to itself, beside the files.
        manifest = dataclasses.replace(_manifest(), root=str(root))
        self.assertAllEqual(missing_files(manifest), [3, 4, 5, 6])
        self.assertEqual(missing_files(manifest).dtype, np.int64)

    def test_images_in_memory_have_no_files(self):
        in_memory = dataclasses.replace(_manifest(), pixels=np.zeros((8, 1, 1, 1), np.uint8))
        self.assertEmpty(missing_files(in_memory))
