"""The classes with the lowest scores, and what their queries find."""

from __future__ import annotations

import numpy as np
from absl.testing import parameterized

from evaluate.worst_classes import sample_classes, worst_classes
from tests.support.made_up_run import embedded


class WorstClassesTest(parameterized.TestCase):
    def test_order_query_and_neighbours(self):
        # Class 0 at 0, 1, 2.1: all find their own, MAP@R 1. Class 1 at 10, 10.8 and 20, class 2 at 21, 22.2 and 12.
        #   10: 10.8 (hit), 12: 1/2 · 1 = 0.5. 10.8: 10 (hit), 12: 0.5. 20: 21, 22.2: 0.
        #   Mean 1/3; the median query is 10: the second of 20 (0), 10 (0.5), 10.8 (0.5).
        #   21: 20, 22.2 (hit): 1/2 · 1/2 = 0.25. 22.2: 21 (hit), 20: 0.5. 12: 10.8, 10: 0.
        #   Mean 1/4; the median query is 21. So class 2 is the worst and class 1 the next.
        whole = embedded([0, 1, 2.1, 10, 10.8, 20, 21, 22.2, 12], [0, 0, 0, 1, 1, 1, 2, 2, 2])
        (rows,) = worst_classes([whole], most_classes=2, most_found=3)
        self.assertEqual([row.query for row in rows], [6, 3])
        self.assertEqual(rows[0].title, "class 2: MAP@R 25.0 %, 3 queries")
        # From 21: 20, 22.2, and 12 at a distance of 9. From 10: 10.8, 12, and 2.1 at 7.9.
        np.testing.assert_array_equal(rows[0].found, [5, 7, 8])
        self.assertEqual(rows[0].captions, [["class 1"], ["class 2"], ["class 2"]])
        np.testing.assert_array_equal(rows[0].right, [False, True, True])
        np.testing.assert_array_equal(rows[1].found, [4, 8, 2])
        np.testing.assert_array_equal(rows[1].right, [True, False, False])

    def test_a_sample_of_classes(self):
        whole = embedded([0, 1, 2.1, 10, 10.8, 20, 40, 41, 42.1], [0, 0, 0, 1, 1, 1, 2, 2, 2])
        rows = sample_classes(whole, most_classes=2, most_found=2)
        # The first and the last class, all of whose queries find their own two.
        self.assertEqual([row.title[:7] for row in rows], ["class 0", "class 2"])
        self.assertEqual([row.query for row in sample_classes(whole)], [row.query for row in sample_classes(whole, 3)])
        # Of class 1, 20 finds its own two (MAP@R 1); 10 finds 10.8, then 2.1 at 7.9 (0.5), and so does 10.8 (0.5).
        self.assertIn(sample_classes(whole)[1].query, (3, 4))

    def test_a_gallery_is_searched_alone(self):
        whole = embedded([0, 0, 3, 9, 9], [0, 0, 0, 1, 1], ["query", "query", "gallery", "query", "gallery"])
        (rows,) = worst_classes([whole])
        for row in rows:
            self.assertLess(set(row.found), {2, 4, 5})
        self.assertEqual([row.found.tolist() for row in rows], [[2, 4], [4, 2]])

    def test_a_lone_query_has_no_row(self):
        self.assertEqual([row.title[:7] for row in worst_classes([embedded([0, 1, 5], [0, 0, 1])])[0]], ["class 0"])

    def test_duplicates_of_the_query_are_found(self):
        # All at one place: each finds all the others and not itself.
        ((row,),) = worst_classes([embedded([1, 1, 1, 1], [0, 0, 0, 0])])
        self.assertEqual(sorted([row.query, *row.found]), [0, 1, 2, 3])

    def test_long_names_are_on_two_lines(self):
        names = ["Red-Bell-Pepper", "001.Black_footed_Albatross"]
        (rows,) = worst_classes([embedded([0, 1, 2, 5, 6], [0, 0, 0, 1, 1], class_names=names)])
        captions = {tuple(caption) for row in rows for caption in row.captions}
        self.assertEqual(captions, {("Red-Bell-", "Pepper"), ("001.Black_", "footed_Albatross")})

    def test_networks_that_embed_the_same_images_show_the_same_queries(self):
        # MAP@R of the classes by the first: 1, 1/3, 1/4, as above. By the second class 1 is perfect; those of class 0
        # find only others (0); 29, 31 and 61 find one of class 0 and then a hit: 1/2 · 1/2 = 1/4.
        first = embedded([0, 1, 2.1, 10, 10.8, 20, 21, 22.2, 12], [0, 0, 0, 1, 1, 1, 2, 2, 2])
        second = embedded([0, 30, 60, 10, 10.8, 11, 29, 31, 61], [0, 0, 0, 1, 1, 1, 2, 2, 2])
        other_set = embedded([0, 5, 1, 6], [0, 0, 1, 1])
        ours, theirs, (third, fourth) = worst_classes([first, second, other_set], most_classes=2, most_found=3)
        self.assertEqual([row.query for row in ours], [row.query for row in theirs])
        # The means are 1/2, 2/3 and 1/4.
        self.assertEqual([row.title.split(":")[0] for row in ours], ["class 2", "class 0"])
        self.assertEqual([row.title.split("MAP@R ")[1][:5] for row in theirs], ["25.0 ", "0.0 %"])
        self.assertEqual(ours[1].title, "class 0: MAP@R 100.0 %, 3 queries")
        for rows, network in ((ours, first), (theirs, second)):
            for row in rows:
                distances = np.abs(network.embeddings[row.found] - network.embeddings[row.query])[:, 0]
                np.testing.assert_array_equal(distances, np.sort(distances))
        self.assertLess(max(third.query, fourth.query), 4)

    def test_images_that_one_network_could_not_read_are_no_queries(self):
        whole = embedded([0, 1, 2, 10, 11, 12], [0, 0, 0, 1, 1, 1])
        part = whole.take(np.array([0, 2, 3, 5]))  # Without the two in the middle, the medians.
        rows, of_part = worst_classes([whole, part])
        self.assertEqual([whole.indices[row.query] for row in rows], [part.indices[row.query] for row in of_part])
        self.assertNoCommonElements([row.query for row in rows], [1, 4])
