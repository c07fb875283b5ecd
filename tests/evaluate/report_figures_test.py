"""The report's figures: what is drawn where, in colour and not in colour alone."""

import warnings

import numpy as np
from absl.testing import parameterized
from matplotlib.colors import to_hex
from matplotlib.patches import Rectangle

from evaluate import figures
from evaluate.figures.style import RIGHT, WRONG, as_it_is, shortened
from evaluate.geometry import geometry_by_projection
from tests.evaluate.figures_test import FigureTestCase
from tests.support import made_up_run
from tests.support.tiny_runs import AWKWARD_NAMES


def _legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def _offsets(figure):
    return np.concatenate([collection.get_offsets() for collection in figure.axes[0].collections])


class EmbeddingTest(FigureTestCase):
    def setUp(self):
        super().setUp()
        entry = made_up_run.projection(1, num_classes=12)
        self.embeddings, self.labels = entry["embeddings"], entry["labels"]
        self.proxies = entry["proxies"].reshape(-1, made_up_run.EMBEDDING_SIZE)
        self.names = [f"class {label}" for label in range(12)]

    def test_eight_of_twelve_classes_have_a_colour_and_a_marker_of_their_own(self):
        figure = figures.draw_embedding(self.embeddings, self.labels, self.names)
        # 8 of 0 … 11, evenly: the whole parts of i · 11 / 7.
        expected = [f"class {int(i * 11 / 7)}" for i in range(8)]
        self.assertEqual(_legend(figure), [*expected, "4 other classes", "class mean"])
        handles = figure.legends[0].legend_handles[:8]
        self.assertLen({handle.get_color() for handle in handles}, 8)
        self.assertLen({handle.get_marker() for handle in handles}, 8)
        # All 96 examples, and the means of 8 classes.
        self.assertLen(_offsets(figure), 96 + 8)
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)

    def test_proxies_lie_in_the_plane_of_the_examples(self):
        # Proxies that are examples are drawn where those are.
        few = self.labels < 8
        labels, embeddings = self.labels[few], self.embeddings[few]
        figure = figures.draw_embedding(embeddings, labels, self.names, embeddings, labels)
        for label in range(8):
            examples, boxes = figure.axes[0].collections[2 * label + 1 : 2 * label + 3]
            np.testing.assert_allclose(examples.get_offsets(), boxes.get_offsets(), atol=1e-6)
        self.assertEqual(_legend(figure)[-1], "proxies")

    def test_proxies_of_other_classes_are_one_cloud(self):
        figure = figures.draw_embedding(self.embeddings, self.labels, self.names, self.proxies)
        self.assertIn("proxies of the training classes", _legend(figure))
        self.assertLen(_offsets(figure), 96 + 8 + 36)

    @parameterized.parameters(1, 3, 12)
    def test_tsne_takes_any_number(self, count):
        figure = figures.draw_embedding(self.embeddings[:count], self.labels[:count], self.names, tsne=True)
        self.assertTrue(np.isfinite(_offsets(figure)).all())

    def test_tsne_differs_from_the_plane(self):
        embeddings, labels = self.embeddings[:20], self.labels[:20]
        drawn = [_offsets(figures.draw_embedding(embeddings, labels, self.names, tsne=how)) for how in (False, True)]
        self.assertGreater(np.abs(drawn[0] - drawn[1]).max(), 1.0)

    @parameterized.parameters(False, True)
    def test_a_collapsed_embedding_is_a_point(self, tsne):
        same = np.full_like(self.embeddings, 0.1)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            figure = figures.draw_embedding(same, self.labels, self.names, tsne=tsne)
        np.testing.assert_allclose(_offsets(figure), 0.0, atol=1e-6)

    def test_one_dimension_is_a_line(self):
        figure = figures.draw_embedding(self.embeddings[:, :1], self.labels, self.names)
        self.assertEqual(np.abs(_offsets(figure)[:, 1]).max(), 0.0)

    def test_names_stand_as_they_are(self):
        figure = figures.draw_embedding(self.embeddings, self.labels % 8, AWKWARD_NAMES)
        shown = [text.strip().replace(r"\$", "$") for text in _legend(figure)[:8]]
        self.assertEqual(shown[:7], [*AWKWARD_NAMES[:6], "tab ted"])
        self.assertEqual(shown[7], f"l{'o' * 19}…{'o' * 17}ng")
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)
        figure = figures.draw_projections([made_up_run.projection(0, num_classes=8)], AWKWARD_NAMES)
        self.assertEqual(_legend(figure)[:8], [as_it_is(shortened(name, 40)) for name in AWKWARD_NAMES])
        self.assert_is_png_of(figure)


class NamesTest(parameterized.TestCase):
    @parameterized.parameters(("abcdefg", 7, "abcdefg"), ("abcdefgh", 7, "abc…fgh"), ("abcdefgh", 6, "abc…gh"))
    def test_shortened(self, name, most, expected):
        self.assertEqual(shortened(name, most), expected)

    def test_nothing_is_a_formula(self):
        self.assertEqual(as_it_is("$x$ \n y"), r"\$x\$ y")


class RetrievalsTest(FigureTestCase):
    def test_frames_marks_and_pictures(self):
        asked = []

        def thumbnail(index):
            asked.append(index)
            return np.full((4 + index, 8, 3), 10 * index, np.uint8)

        rows = [
            figures.RetrievalRow("first", 0, np.array([1, 2, 3]), np.array([True, False, True])),
            figures.RetrievalRow("second", 4, np.array([5, 6]), np.array([False, False])),
        ]
        figure = figures.draw_retrievals(rows, thumbnail)
        self.assertEqual(asked, [0, 1, 2, 3, 4, 5, 6])
        (axes,) = figure.axes
        frames = [patch for patch in axes.patches if isinstance(patch, Rectangle)]
        wrong, right, query = WRONG, RIGHT, "#888888"
        expected = [query, right, wrong, right, query, wrong, wrong]
        self.assertEqual([to_hex(frame.get_edgecolor()) for frame in frames], expected)
        self.assertEqual([frame.get_linestyle() == "--" for frame in frames], [color == wrong for color in expected])
        self.assertEqual([t.get_text() for t in axes.texts], ["first", "✓", "✗", "✓", "second", "✗", "✗"])
        # Each picture lies inside its frame and keeps its shape: as index + 4 is to 8.
        for index, (image, frame) in enumerate(zip(axes.images, frames)):
            left, right, bottom, top = image.get_extent()
            self.assertAlmostEqual((bottom - top) / (right - left), (index + 4) / 8)
            box = frame.get_bbox()
            self.assertTrue(box.x0 <= left + 1e-9 and right <= box.x1 + 1e-9, index)
            self.assertTrue(box.y0 <= top + 1e-9 and bottom <= box.y1 + 1e-9, index)
            self.assertEqual(image.get_array()[0, 0, 0], 10 * index)
        self.assert_is_png_of(figure)


class DistancesTest(FigureTestCase):
    def test_areas_and_medians(self):
        positives, negatives = np.array([0.1, 0.2, 0.3]), np.array([0.5, 0.7, 1.2, 1.4])
        figure = figures.draw_distances(positives, negatives)
        for patch in figure.axes[0].patches:
            values, edges, _ = patch.get_data()
            self.assertAlmostEqual(float((values * np.diff(edges)).sum()), 1.0)
        texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        self.assertEqual(texts, ["one class, median 0.20", "two classes, median 0.95"])
        self.assert_is_png_of(figure)

    @parameterized.parameters(0, 3)
    def test_no_pairs_of_one_class(self, count):
        figure = figures.draw_distances(np.empty(0), np.zeros(count))
        self.assertLen(figure.axes[0].patches, min(count, 1))
        figures.to_png(figure)


class ScoresTest(FigureTestCase):
    def test_marks_and_bars(self):
        rows = {"a": (0.5, [0.4, 0.7]), "b": (0.2, [0.1, 0.25])}
        axes = figures.draw_scores(rows, "map_at_r").axes[0]
        self.assertEqual([text.get_text() for text in axes.texts], ["a", "b"])
        self.assertEqual(axes.get_xlabel(), "MAP@R, %")
        drawn = [np.round(line.get_xdata(), 6).tolist() for line in axes.lines]
        self.assertEqual(drawn, [[40.0, 70.0], [50.0], [10.0, 25.0], [20.0]])


class CurveTest(FigureTestCase):
    def test_names_stand_below_and_projections_are_marked(self):
        records = {"plain": made_up_run.epochs(1), "ccp": made_up_run.epochs(4, projected_at=(2,))}
        figure = figures.draw_curve(records, "loss")
        self.assertEqual(_legend(figure), ["plain", "ccp", "projection"])
        self.assertIsNone(figure.axes[0].get_legend())
        # A single epoch would be no line.
        self.assertEqual([line.get_marker() for line in figure.axes[0].lines], [".", "", "v"])
        self.assert_nothing_sticks_out(figure)

    def test_long_names_stay_inside(self):
        names = [f"ccp/contrastive, seed 0, learning_rate 0.001, {'some/' * 30}run{number}" for number in range(3)]
        figure = figures.draw_curve({name: made_up_run.epochs(2) for name in names}, "loss")
        self.assertEqual([name[-4:] for name in _legend(figure)], ["run0", "run1", "run2"])
        self.assert_nothing_sticks_out(figure)

    def test_a_run_without_projections_has_no_mark(self):
        self.assertEqual(_legend(figures.draw_curve({"a": made_up_run.epochs(2)}, "map_at_r")), ["a"])


class GeometryFiguresTest(FigureTestCase):
    def test_class_distances(self):
        measured = geometry_by_projection([made_up_run.projection(index) for index in range(3)])
        axes = figures.draw_class_distances(measured).axes[0]
        for line, name in zip(axes.lines, ("class_distance_mean", "class_distance_min")):
            np.testing.assert_array_equal(line.get_xdata(), [0, 1, 2])
            np.testing.assert_array_equal(line.get_ydata(), [at[name] for at in measured])

    def test_radii_by_as_many_examples_as_proxies(self):
        # 3 proxies of each class, so the third of the radii by the classes' own examples.
        projections = [made_up_run.projection(index) for index in range(3)]
        line = figures.draw_radii(projections).axes[0].lines[2]
        self.assertEqual(line.get_label(), "by 3 of its own examples")
        expected = [at["radius_by_centers"][2] for at in geometry_by_projection(projections)]
        np.testing.assert_array_equal(line.get_ydata(), expected)

    @parameterized.parameters(1.0, 0.1)
    def test_relative_radii_do_not_change_where_all_shrinks_alike(self, scale):
        projections = [made_up_run.projection(index) for index in range(3)]
        radii = [line.get_ydata() for line in figures.draw_radii(projections).axes[0].lines]
        distances = [at["class_distance_mean"] for at in geometry_by_projection(projections)]
        for at in projections:
            at.update({name: scale * at[name] for name in ("embeddings", "proxies", "previous_proxies") if name in at})
        axes = figures.draw_relative_radii(geometry_by_projection(projections)).axes[0]
        for line, values in zip(axes.lines, radii):
            np.testing.assert_allclose(line.get_ydata(), values / distances, rtol=1e-5)
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        self.assertEqual(texts, ["by the proxies before", "by the new proxies", "by 3 of its own examples"])

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
