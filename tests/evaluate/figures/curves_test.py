"""Curves of a training."""

import numpy as np

from evaluate import figures
from tests.support import made_up_run
from tests.support.figure_checks import FigureTestCase, legend


class CurvesTest(FigureTestCase):
    def test_lines_marks_and_names(self):
        records = {"plain": made_up_run.epochs(1), "ccp": made_up_run.epochs(4, projected_at=(2, 4))}
        figure = figures.draw_curves(records, ("loss", "map_at_r"))
        self.assertEqual(legend(figure), ["plain", "ccp", "projection"])
        for axes, quantity in zip(figure.axes, ("loss", "map_at_r")):
            plain, ccp, projected = axes.lines
            for line, epochs in zip((plain, ccp), records.values()):
                np.testing.assert_array_equal(line.get_ydata(), [epoch[quantity] for epoch in epochs])
            np.testing.assert_array_equal(projected.get_xdata(), [20, 40])
            # A single epoch would be no line.
            self.assertEqual([line.get_marker() for line in axes.lines], [".", "", "v"])
        self.assertEqual(figure.axes[1].get_ylabel(), "validation MAP@R")
        self.assert_is_png_of(figure)

    def test_runs_of_a_group_look_alike_and_are_named_once(self):
        records = {f"{loss} {seed}": made_up_run.epochs(2) for loss in ("plain", "ccp") for seed in range(3)}
        groups = {name: name.split()[0] for name in records}
        figure = figures.draw_curves(records, ["loss"], groups)
        self.assertEqual(legend(figure), ["plain", "ccp"])
        colors = [line.get_color() for line in figure.axes[0].lines]
        self.assertEqual(colors, [colors[0]] * 3 + [colors[3]] * 3)
        self.assertNotEqual(colors[0], colors[3])

    def test_many_runs_with_long_names_stay_inside(self):
        names = [f"ccp/contrastive, seed 0, learning_rate 0.001, {'some/' * 30}run{number:02d}" for number in range(11)]
        figure = figures.draw_curves({name: made_up_run.epochs(2) for name in names}, ["loss"])
        self.assertEqual([name[-5:] for name in legend(figure)], [f"run{number:02d}" for number in range(11)])
        self.assert_nothing_sticks_out(figure)

    def test_before_the_first_epoch(self):
        self.assertEqual(legend(figures.draw_curves({"a": []}, ["loss"])), ["a"])
