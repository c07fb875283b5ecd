"""Curves of a training."""

import numpy as np

from evaluate import figures
from tests.support import made_up_run
from tests.support.figure_checks import FigureTestCase, legend


class CurvesTest(FigureTestCase):
    def test_draws(self):
        records = {"contrastive": made_up_run.epochs(6), "ccp": made_up_run.epochs(4, projected_at=(2, 4))}
        figure = figures.draw_curves(records, "map_at_r")
        for axes, quantity in zip(figure.axes, ("loss", "map_at_r")):
            # A line per run, and a line of marks for the one that projected, at epochs 2 and 4: steps 20 and 40.
            drawn = {line.get_label(): line for line in axes.lines}
            self.assertEqual(list(drawn), ["contrastive", "ccp", "ccp: projection"])
            np.testing.assert_array_equal(drawn["ccp: projection"].get_xdata(), [20, 40])
            for name, lines in records.items():
                np.testing.assert_array_equal(drawn[name].get_ydata(), [line[quantity] for line in lines])
        self.assertEqual(figure.axes[1].get_ylabel(), "validation MAP@R")
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)

    def test_every_run_is_drawn(self):
        records = {f"run {index}": made_up_run.epochs(2) for index in range(11)}
        figure = figures.draw_curves(records, "map_at_r")
        self.assertEqual([line.get_label() for line in figure.axes[0].lines], list(records))


class CurveTest(FigureTestCase):
    def test_names_stand_below_and_projections_are_marked(self):
        records = {"plain": made_up_run.epochs(1), "ccp": made_up_run.epochs(4, projected_at=(2,))}
        figure = figures.draw_curve(records, "loss")
        self.assertEqual(legend(figure), ["plain", "ccp", "projection"])
        self.assertIsNone(figure.axes[0].get_legend())
        # A single epoch would be no line.
        self.assertEqual([line.get_marker() for line in figure.axes[0].lines], [".", "", "v"])
        self.assert_nothing_sticks_out(figure)

    def test_long_names_stay_inside(self):
        names = [f"ccp/contrastive, seed 0, learning_rate 0.001, {'some/' * 30}run{number}" for number in range(3)]
        figure = figures.draw_curve({name: made_up_run.epochs(2) for name in names}, "loss")
        self.assertEqual([name[-4:] for name in legend(figure)], ["run0", "run1", "run2"])
        self.assert_nothing_sticks_out(figure)

    def test_a_run_without_projections_has_no_mark(self):
        self.assertEqual(legend(figures.draw_curve({"a": made_up_run.epochs(2)}, "map_at_r")), ["a"])
