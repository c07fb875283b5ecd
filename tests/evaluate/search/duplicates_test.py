"""Which vectors are equal."""

from unittest import mock

import numpy as np
from absl.testing import parameterized

from evaluate.search import duplicates, vectors
from evaluate.search.duplicates import distinct
from evaluate.search.vectors import Vectors


class DistinctTest(parameterized.TestCase):
    @parameterized.product(dtype=("f2", "f4", "f8"), entries=(1, 6, 1000), constant_hash=(False, True))
    def test_equals_loops(self, dtype, entries, constant_hash):
        # Even where all hashes are equal, rows that differ stay apart.
        points = np.random.default_rng(0).integers(-1, 2, (40, 2)).astype(dtype)
        points[::2] *= -1.0  # − 0 among them, which equals 0.
        replaced = (lambda block: np.zeros(len(block), np.uint64)) if constant_hash else duplicates._hashes
        with mock.patch.object(vectors, "_BLOCK_ENTRIES", entries), mock.patch.object(duplicates, "_hashes", replaced):
            first, kinds = distinct(Vectors(points, "query"))
        np.testing.assert_array_equal(points[first[kinds]], points)
        if not constant_hash:
            seen = [tuple(row) for row in points.tolist()]
            self.assertEqual(first.tolist(), [i for i, row in enumerate(seen) if row not in seen[:i]])

    def test_hashes_of_many_rows_differ(self):
        # Rows as far as possible alike: powers of two and their sums, whose low bits are all 0.
        codes = (np.arange(4096)[:, np.newaxis] >> np.arange(12)) & 1
        first, _ = distinct(Vectors(codes.astype(np.float32), "query"))
        self.assertLen(first, 4096)
        self.assertLen(np.unique(duplicates._hashes(codes.astype(np.float32))), 4096)
