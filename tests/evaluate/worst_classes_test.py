"""The classes with the lowest scores, and what their queries find."""

from __future__ import annotations

import numpy as np
from absl.testing import parameterized

from evaluate.worst_classes import worst_classes
from tests.support.made_up_run import embedded


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

    def test_a_lone_query_has_no_row(self):
        self.assertEqual([row.title[:7] for row in worst_classes(embedded([0, 1, 5], [0, 0, 1]))], ["class 0"])

    def test_duplicates_of_the_query_are_found(self):
        # All at one place: each finds all the others and not itself.
        (row,) = worst_classes(embedded([1, 1, 1, 1], [0, 0, 0, 0]))
        self.assertEqual(sorted([row.query, *row.found]), [0, 1, 2, 3])
