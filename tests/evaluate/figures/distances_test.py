"""Histograms of distances."""

import numpy as np
from absl.testing import parameterized

from evaluate import figures
from tests.support.figure_checks import FigureTestCase, legend


class DistancesTest(FigureTestCase):
    def test_areas_and_medians(self):
        positives, negatives = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.7, 1.2, 1.4])
        figure = figures.draw_distances(positives, negatives)
        for patch in figure.axes[0].patches:
            values, edges, _ = patch.get_data()
            self.assertAlmostEqual(float((values * np.diff(edges)).sum()), 1.0)
        self.assertEqual(legend(figure), ["one class, median 0.20", "two classes, median 0.95"])
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)

    @parameterized.parameters(0, 3)
    def test_no_pairs_of_one_class(self, count):
        figure = figures.draw_distances(np.empty(0), np.zeros(count))
        self.assertLen(figure.axes[0].patches, min(count, 1))
        figures.to_png(figure)
