"""The ROC of verification."""

import numpy as np
from absl.testing import parameterized

from evaluate import figures
from evaluate.verification import verify
from tests.support.figure_checks import FigureTestCase, legend


class RocTest(FigureTestCase):
    @parameterized.parameters(12, 4)  # With intervals and without.
    def test_lines_and_marks(self, classes):
        random, labels = np.random.default_rng(0), np.repeat(np.arange(classes), 8)
        found = verify(random.normal(size=(classes, 4))[labels] + random.normal(size=(len(labels), 4)), labels)
        figure = figures.draw_roc({"test": found})
        self.assertEqual(legend(figure), ["test", "both errors equal"])
        unsure, sure, points, equal = figure.axes[0].get_lines()
        self.assertEqual(sure.get_xdata()[0], unsure.get_xdata()[-1])
        self.assertGreaterEqual(sure.get_xdata().min(), found.lowest_fmr)
        given = [point for point in found.at_fmr if point.fnmr]
        np.testing.assert_allclose(points.get_ydata(), [1 - point.fnmr.value for point in given])
        np.testing.assert_allclose(equal.get_xydata(), [[found.eer, 1 - found.eer]])
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)
