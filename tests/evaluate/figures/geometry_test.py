"""Radii and class distances at each projection."""

import numpy as np
from absl.testing import parameterized

from evaluate import figures
from evaluate.geometry import geometry_by_projection
from tests.support import made_up_run
from tests.support.figure_checks import FigureTestCase


class GeometryFiguresTest(FigureTestCase):
    def test_class_distances(self):
        measured = geometry_by_projection([made_up_run.projection(index) for index in range(3)])
        axes = figures.draw_class_distances(measured).axes[0]
        for line, name in zip(axes.lines, ("class_distance_mean", "class_distance_min")):
            np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2])
            np.testing.assert_array_equal(line.get_ydata(), [at[name] for at in measured])

    @parameterized.parameters((1, 100), (4, 5))
    def test_radii(self, count, num_classes):
        measured = geometry_by_projection([made_up_run.projection(index, num_classes) for index in range(count)])
        figure = figures.draw_radii(measured)
        for line, name in zip(figure.axes[0].lines, ("radius_by_previous_proxies", "radius_by_proxies")):
            np.testing.assert_array_equal(line.get_xdata(), np.arange(count))
            np.testing.assert_array_equal(line.get_ydata(), np.array([row[name] for row in measured], float))
        # 3 proxies of each class, so the third of the radii by the classes' own examples.
        line = figure.axes[0].lines[2]
        self.assertEqual(line.get_label(), "by 3 of its examples")
        np.testing.assert_array_equal(line.get_ydata(), [row["radius_by_centers"][2] for row in measured])
        self.assertEqual(figure.axes[0].get_ylim()[0], 0.0)
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)

    @parameterized.parameters(1.0, 0.1)
    def test_relative_radii_do_not_change_where_all_shrinks_alike(self, scale):
        projections = [made_up_run.projection(index) for index in range(3)]
        radii = [line.get_ydata() for line in figures.draw_radii(geometry_by_projection(projections)).axes[0].lines]
        distances = [at["class_distance_mean"] for at in geometry_by_projection(projections)]
        for at in projections:
            at.update({name: scale * at[name] for name in ("embeddings", "proxies", "previous_proxies") if name in at})
        axes = figures.draw_relative_radii(geometry_by_projection(projections)).axes[0]
        for line, values in zip(axes.lines, radii):
            np.testing.assert_allclose(line.get_ydata(), values / distances, rtol=1e-5)
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        self.assertEqual(texts, ["by the proxies before", "by the new proxies", "by 3 of its examples"])

    def test_the_highest_marks_are_not_cut(self):
        # Of values between 0.98 and 1 the usual margin is 0.001, less than a mark is high; of 0 to 1 it is 0.05.
        measured = geometry_by_projection([made_up_run.projection(index) for index in range(2)])
        for at, value in zip(measured, (0.98, 1.0)):
            at.update({"class_distance_mean": value, "class_distance_min": value})
        for figure in (figures.draw_class_distances(measured), figures.draw_radii_by_centers({"a": [1.0, 0.98]})):
            np.testing.assert_allclose(figure.axes[0].get_ylim(), (0.0, 1.05))

    def test_a_single_class_is_drawn_as_nothing(self):
        measured = geometry_by_projection([made_up_run.projection(0, num_classes=1)])
        for draw in (figures.draw_class_distances, figures.draw_relative_radii):
            figure = draw(measured)
            self.assertTrue(all(np.isnan(line.get_ydata()).all() for line in figure.axes[0].lines))
            figures.to_png(figure)

    def test_classes_at_one_place_have_no_relative_radius(self):
        (at,) = geometry_by_projection([made_up_run.projection(0)])
        figure = figures.draw_relative_radii([{**at, "class_distance_mean": 0.0}])
        self.assertTrue(all(np.isnan(line.get_ydata()).all() for line in figure.axes[0].lines))

    def test_radii_by_centers(self):
        axes = figures.draw_radii_by_centers({"unseen": [0.5, 0.25], "seen": [0.4, 0.1]}).axes[0]
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), [1, 2])
        np.testing.assert_array_equal(axes.lines[1].get_ydata(), [0.4, 0.1])
