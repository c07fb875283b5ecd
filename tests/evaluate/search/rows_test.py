"""Rows of several arrays, and which of them are equal."""

from unittest import mock

import numpy as np
from absl.testing import parameterized

from evaluate.search import rows
from evaluate.search.rows import Rows, distinct


class RowsTest(parameterized.TestCase):
    @parameterized.parameters(1, 4, 100)
    def test_parts_read_as_one(self, block_entries):
        whole = np.arange(22.0).reshape(11, 2)
        several = Rows([whole[:3], whole[3:3], whole[3:10], whole[10:]])
        self.assertLen(several, 11)
        np.testing.assert_array_equal(several.take(np.array([10, 0, 2, 3, 3])), whole[[10, 0, 2, 3, 3]])
        np.testing.assert_array_equal(several.block(2, 5), whole[2:5])
        with mock.patch.object(rows, "_BLOCK_ENTRIES", block_entries):
            for one in (several, Rows([whole])):
                starts, blocks = zip(*one.blocks())
                np.testing.assert_array_equal(np.concatenate(blocks), whole)
                self.assertEqual(list(starts), np.cumsum([0, *map(len, blocks)])[:-1].tolist())

    def test_choices_compose(self):
        whole = np.arange(5.0)[:, np.newaxis]
        chosen = Rows([whole[:2], whole[2:]]).choose(np.array([4, 1, 3])).choose(np.array([2, 0]))
        np.testing.assert_array_equal(chosen.block(0, 2), [[3.0], [4.0]])

    @parameterized.parameters(
        (("f2", "f4"), np.float32), (("f4", "f8"), np.float64), (("f8",), np.float64), (("i4",), np.float64)
    )
    def test_type(self, dtypes, expected):
        self.assertEqual(Rows([np.ones((1, 1), dtype) for dtype in dtypes]).take(np.array([0])).dtype, expected)


class DistinctTest(parameterized.TestCase):
    @parameterized.product(dtype=("f2", "f4", "f8"), entries=(1, 6, 1000), constant_hash=(False, True))
    def test_equals_loops(self, dtype, entries, constant_hash):
        # Even where all hashes are equal, rows that differ stay apart.
        points = np.random.default_rng(0).integers(-1, 2, (40, 2)).astype(dtype)
        points[::2] *= -1.0  # − 0 among them, which equals 0.
        replaced = (lambda block: np.zeros(len(block), np.uint64)) if constant_hash else rows._hashes
        with mock.patch.object(rows, "_BLOCK_ENTRIES", entries), mock.patch.object(rows, "_hashes", replaced):
            first, kinds = distinct(Rows([points[:7], points[7:]]))
        np.testing.assert_array_equal(points[first[kinds]], points)
        if not constant_hash:
            seen = [tuple(row) for row in points.tolist()]
            self.assertEqual(first.tolist(), [i for i, row in enumerate(seen) if row not in seen[:i]])

    def test_hashes_of_many_rows_differ(self):
        # Rows as far as possible alike: powers of two and their sums, whose low bits are all 0.
        codes = (np.arange(4096)[:, np.newaxis] >> np.arange(12)) & 1
        first, _ = distinct(Rows([codes.astype(np.float32)]))
        self.assertLen(first, 4096)
        self.assertLen(np.unique(rows._hashes(codes.astype(np.float32))), 4096)
