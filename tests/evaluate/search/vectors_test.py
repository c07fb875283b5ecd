"""Vectors, block by block."""

from unittest import mock

import numpy as np
from absl.testing import parameterized

from evaluate.search import vectors
from evaluate.search.vectors import Vectors


class VectorsTest(parameterized.TestCase):
    @parameterized.parameters(1, 4, 100)
    def test_blocks(self, block_entries):
        whole = np.arange(22.0).reshape(11, 2)
        order = np.random.default_rng(0).permutation(11)
        with mock.patch.object(vectors, "_BLOCK_ENTRIES", block_entries):
            read = Vectors(whole, "query")
            for one, expected in ((read, whole), (read.choose(order), whole[order])):
                starts, blocks = zip(*one.blocks())
                np.testing.assert_array_equal(np.concatenate(blocks), expected)
                self.assertEqual(list(starts), np.cumsum([0, *map(len, blocks)])[:-1].tolist())

    def test_choices_compose(self):
        chosen = Vectors(np.arange(5.0)[:, np.newaxis], "query").choose(np.array([4, 1, 3])).choose(np.array([2, 0]))
        np.testing.assert_array_equal(chosen.block(0, 2), [[3.0], [4.0]])

    @parameterized.parameters(("f2", np.float32), ("f4", np.float32), ("f8", np.float64), ("i4", np.float64))
    def test_type(self, dtype, expected):
        self.assertEqual(Vectors(np.ones((1, 1), dtype), "query").take(np.array([0])).dtype, expected)
