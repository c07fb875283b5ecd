"""What embedded examples find among each other, and their pictures."""

from __future__ import annotations

import numpy as np
from absl.testing import parameterized

from datasets.examples import Examples
from datasets.images.sources import ImagesInMemory
from evaluate.embedded import Embedded, query_scores, worst_classes


def embedded(points, labels, roles=None, size=(6, 4, 1)) -> Embedded:
    """Examples on a line; the n-th one's image is of brightness n throughout, and their order is reversed on disk."""
    count = len(points)
    pixels = np.broadcast_to(np.arange(count, dtype=np.uint8)[::-1].reshape(-1, 1, 1, 1), (count, *size)).copy()
    names = np.array([f"image {count - 1 - place}" for place in range(count)], object)
    places = np.arange(count)[::-1]
    labels, roles = np.array(labels), np.array([""] * count if roles is None else roles)
    class_names = tuple(f"class {label}" for label in range(labels.max() + 1))
    examples = Examples(ImagesInMemory(pixels, names), labels[places], class_names, roles[places])
    return Embedded(np.array(points, float)[:, np.newaxis], labels, class_names, examples, places)


class EmbeddedTest(parameterized.TestCase):
    def test_everything_queries_everything(self):
        whole = embedded([0, 1, 2], [0, 0, 1])
        np.testing.assert_array_equal(whole.queries, [0, 1, 2])
        self.assertIsNone(whole.gallery)

    def test_queries_apart(self):
        whole = embedded([0, 1, 2, 3], [0, 0, 1, 1], ["gallery", "query", "query", "gallery"])
        np.testing.assert_array_equal(whole.queries, [1, 2])
        np.testing.assert_array_equal(whole.gallery, [0, 3])

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

    def test_a_lone_query_is_not_scored(self):
        queries, scores = query_scores(embedded([0, 1, 5], [0, 0, 1]))
        np.testing.assert_array_equal(queries, [0, 1])
        np.testing.assert_array_equal(scores["map_at_r"], [1.0, 1.0])


class WorstClassesTest(parameterized.TestCase):
    def test_order_query_and_neighbours(self):
        # Class 0 at 0, 1, 2.1: all find their own, MAP@R 1. Class 1 at 10, 10.8 and 20, class 2 at 21, 22.2 and 12.
        #   10: 10.8 (hit), 12: 1/2 · 1 = 0.5. 10.8: 10 (hit), 12: 0.5. 20: 21, 22.2: 0.
        #   Mean 1/3; the median query is 10: the second of 20 (0), 10 (0.5), 10.8 (0.5).
        #   21: 20, 22.2 (hit): 1/2 · 1/2 = 0.25. 22.2: 21 (hit), 20: 0.5. 12: 10.8, 10: 0.
        #   Mean 1/4; the median query is 21. So class 2 is the worst and class 1 the next.
        whole = embedded([0, 1, 2.1, 10, 10.8, 20, 21, 22.2, 12], [0, 0, 0, 1, 1, 1, 2, 2, 2])
        rows = worst_classes(whole, most_classes=2, most_found=3)
        self.assertEqual([row.query for row in rows], [6, 3])
        self.assertEqual(rows[0].title, "class 2: MAP@R 25.0 %, 3 queries")
        # From 21: 20, 22.2, and 12 at a distance of 9. From 10: 10.8, 12, and 2.1 at 7.9.
        np.testing.assert_array_equal(rows[0].found, [5, 7, 8])
        np.testing.assert_array_equal(rows[0].right, [False, True, True])
        np.testing.assert_array_equal(rows[1].found, [4, 8, 2])
        np.testing.assert_array_equal(rows[1].right, [True, False, False])

    def test_a_gallery_is_searched_alone(self):
        whole = embedded([0, 0, 3, 9, 9], [0, 0, 0, 1, 1], ["query", "query", "gallery", "query", "gallery"])
        rows = worst_classes(whole)
        for row in rows:
            self.assertLess(set(row.found), {2, 4, 5})
        self.assertEqual([row.found.tolist() for row in rows], [[2, 4], [4, 2]])
