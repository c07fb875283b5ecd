"""Scores with their intervals."""

import numpy as np

from evaluate import figures
from tests.support.figure_checks import FigureTestCase


class ScoresTest(FigureTestCase):
    def test_marks_and_bars(self):
        rows = {"a": (0.5, 0.4, 0.7), "b": (0.2, 0.1, 0.25)}
        axes = figures.draw_scores(rows, "map_at_r").axes[0]
        self.assertEqual([text.get_text() for text in axes.texts], ["a", "b"])
        self.assertEqual(axes.get_xlabel(), "MAP@R, %")
        drawn = [np.round(line.get_xdata(), 6).tolist() for line in axes.lines]
        self.assertEqual(drawn, [[40.0, 70.0], [50.0], [10.0, 25.0], [20.0]])
