"""Manifests: entries become columns, and subsets of rows keep together."""

import numpy as np
from absl.testing import parameterized

from datasets.manifest import GALLERY, QUERY, TEST, TRAIN, VALIDATION, Box, Counts, DataError, Entry, assemble
from tests.support.tensors import TensorTest

_ENTRIES = [
    Entry("a/1.jpg", "ape", TRAIN),
    Entry("b/1.jpg", "bee", TRAIN),
    Entry("a/2.jpg", "ape", VALIDATION),
    Entry("c/1.jpg", "cat", TEST, QUERY),
    Entry("c/2.jpg", "cat", TEST, GALLERY),
    Entry("d/1.jpg", "dog", TEST, GALLERY),
]
_NAMES = ("bee", "ape", "dog", "cat")


class AssembleTest(TensorTest):
    def test_columns(self):
        manifest = assemble("zoo", "root", _ENTRIES, iter(_NAMES))
        self.assertLen(manifest, 6)
        self.assertEqual((manifest.name, manifest.root, manifest.class_names), ("zoo", "root", _NAMES))
        self.assertEqual(list(manifest.paths), [entry.path for entry in _ENTRIES])
        # Labels count in the order of the names: bee, ape, dog, cat.
        self.assertAllEqual(manifest.labels, [1, 0, 1, 3, 3, 2])
        self.assertEqual(manifest.labels.dtype, np.int64)
        self.assertEqual(list(manifest.splits), [TRAIN, TRAIN, VALIDATION, TEST, TEST, TEST])
        self.assertEqual(list(manifest.roles), ["", "", "", QUERY, GALLERY, GALLERY])
        self.assertIsNone(manifest.boxes)
        self.assertIsNone(manifest.pixels)

    def test_boxes_and_pixels(self):
        entries = [entry._replace(box=Box(index, 1, index + 2, 3)) for index, entry in enumerate(_ENTRIES)]
        pixels = np.zeros((6, 2, 2, 1), np.uint8)
        manifest = assemble("zoo", "", entries, _NAMES, pixels)
        self.assertAllEqual(manifest.boxes, [[index, 1, index + 2, 3] for index in range(6)])
        self.assertEqual(manifest.boxes.dtype, np.int32)
        self.assertIs(manifest.pixels, pixels)

    def test_counts(self):
        counts = assemble("zoo", "", _ENTRIES, _NAMES).counts()
        self.assertEqual(
            counts, {"train": Counts(2, 2), "validation": Counts(1, 1), "query": Counts(1, 1), "gallery": Counts(2, 2)}
        )
        plain = [entry._replace(role="") for entry in _ENTRIES]
        self.assertEqual(assemble("zoo", "", plain, _NAMES).counts()["test"], Counts(3, 2))

    @parameterized.parameters(
        ([], _NAMES, "zoo: there are no examples in root"),
        (_ENTRIES, ("bee", "ape", "dog"), "examples are of 1 unlisted class, as 'cat'"),
        (_ENTRIES, (*_NAMES, "eel", "fox"), "2 classes without an example, as 'eel'"),
        (_ENTRIES, (*_NAMES, "dog"), "two classes are called 'dog'; their names must differ"),
        ([_ENTRIES[0]._replace(box=Box(0, 0, 1, 1)), *_ENTRIES[1:]], _NAMES, "has a box or none; 1 of 6 have one"),
    )
    def test_what_is_refused(self, entries, names, message):
        with self.assertRaisesRegex(DataError, message):
            assemble("zoo", "root", entries, names)

    def test_as_many_images_as_entries(self):
        with self.assertRaisesRegex(DataError, "zoo: every example needs an image; there are 6 and 5 images"):
            assemble("zoo", "", _ENTRIES, _NAMES, np.zeros((5, 2, 2, 1), np.uint8))


class SubsetTest(TensorTest):
    def test_rows_keep_together_and_labels_close_up(self):
        entries = [entry._replace(box=Box(index, 1, index + 2, 3)) for index, entry in enumerate(_ENTRIES)]
        pixels = np.arange(6, dtype=np.uint8).reshape(6, 1, 1, 1)
        subset = assemble("zoo", "root", entries, _NAMES, pixels).subset(np.array([5, 2, 0]))
        self.assertEqual((subset.name, subset.root), ("zoo", "root"))
        self.assertEqual(list(subset.paths), ["d/1.jpg", "a/2.jpg", "a/1.jpg"])
        # Of bee, ape, dog and cat, ape and dog are left.
        self.assertEqual(subset.class_names, ("ape", "dog"))
        self.assertAllEqual(subset.labels, [1, 0, 0])
        self.assertEqual(subset.labels.dtype, np.int64)
        self.assertEqual(list(subset.splits), [TEST, VALIDATION, TRAIN])
        self.assertEqual(list(subset.roles), [GALLERY, "", ""])
        self.assertAllEqual(subset.boxes[:, 0], [5, 2, 0])
        self.assertAllEqual(subset.pixels[:, 0, 0, 0], [5, 2, 0])
