"""Embedded examples: queries and references, their pictures and scores."""

from __future__ import annotations

import numpy as np
from absl.testing import parameterized

from tests.support.made_up_run import embedded


class EmbeddedTest(parameterized.TestCase):
    def test_everything_queries_everything(self):
        whole = embedded([0, 1, 2], [0, 0, 1])
        np.testing.assert_array_equal(whole.queries, [0, 1, 2])
        np.testing.assert_array_equal(whole.references, [0, 1, 2])
        np.testing.assert_array_equal(whole.labels, [0, 0, 1])

    def test_queries_apart(self):
        whole = embedded([0, 1, 2, 3], [0, 0, 1, 1], ["gallery", "query", "query", "gallery"])
        np.testing.assert_array_equal(whole.queries, [1, 2])
        np.testing.assert_array_equal(whole.references, [0, 3])

    @parameterized.parameters(((6, 4, 1), (96, 64, 3)), ((4, 6, 3), (64, 96, 3)), ((300, 200, 3), (96, 64, 3)))
    def test_thumbnails_are_in_colour_and_of_one_size(self, size, expected):
        whole = embedded([0, 1, 2, 3], [0, 0, 1, 1], size=size)
        for index in range(4):
            thumbnail = whole.thumbnail(index)
            self.assertEqual(thumbnail.shape, expected)
            self.assertTrue((thumbnail == index).all())
            self.assertEqual(whole.name(index), f"image {index}")

    def test_some_of_them(self):
        some = embedded([5, 6, 7, 8], [0, 0, 1, 1]).take(np.array([1, 3]))
        self.assertLen(some, 2)
        self.assertEqual(some.name(1), "image 3")
        np.testing.assert_array_equal(some.embeddings, [[6], [8]])

    def test_scores_are_computed_once_and_by_role(self):
        # The query at 1 finds 0, of its class, before 3; the one at 2 finds 3, of its class.
        whole = embedded([0, 1, 2, 3], [0, 0, 1, 1], ["gallery", "query", "query", "gallery"])
        self.assertIs(whole.result, whole.result)
        self.assertEqual(whole.result.protocol["search"], "queries against a gallery")
        np.testing.assert_array_equal(whole.result.per_query["map_at_r"], [1.0, 1.0])
        self.assertEqual(whole.evaluate(["recall_at_1"]).means, {"recall_at_1": 1.0})
