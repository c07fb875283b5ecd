"""The embedding at each projection."""

import numpy as np
from absl.testing import parameterized

from evaluate import figures
from tests.support import made_up_run
from tests.support.figure_checks import FigureTestCase, legend, visible


def _projections(count, num_classes=5):
    return [made_up_run.projection(index, num_classes) for index in range(count)]


class ProjectionsTest(FigureTestCase):
    @parameterized.parameters((1, 5), (13, 100))
    def test_draws(self, count, num_classes):
        figure = figures.draw_projections(_projections(count, num_classes))
        panels = visible(figure)
        self.assertLen(panels, min(count, 12))
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)
        # 8 classes have a colour and a name; the proxies before and after them are named too.
        others = ["92 other classes"] if num_classes == 100 else []
        self.assertEqual(
            legend(figure), [*(f"class {c}" for c in range(min(num_classes, 8))), *others, "proxies", "next proxies"]
        )

    def test_of_13_projections_12_are_shown_from_first_to_last(self):
        # 12 of 0 … 12, evenly: round(i · 12 / 11) leaves out 6 (5.45 → 5, 6.55 → 7).
        panels = visible(figures.draw_projections(_projections(13)))
        titles = ["initialisation"] + [f"projection {index}" for index in range(1, 13) if index != 6]
        self.assertEqual([panel.get_title() for panel in panels], titles)

    @parameterized.parameters((5, [8] * 5), (8, [8] * 8), (100, [8] * 8 + [8 * 92]))
    def test_points_of_a_panel(self, num_classes, expected):
        # Per class its 8 examples, those of more than 8 classes together; for each class with a colour 3 boxes and
        # 3 circles, but no boxes at the initialisation.
        coloured = min(num_classes, 8)
        first, second = visible(figures.draw_projections(_projections(2, num_classes)))
        for panel, marks in ((first, 1), (second, 2)):
            counts = sorted(len(collection.get_offsets()) for collection in panel.collections)
            self.assertEqual(counts, [3] * (coloured * marks) + expected)

    def test_a_panel_keeps_distances_in_its_plane(self):
        # Points in a plane are drawn at their true distances, and all panels in the same coordinates.
        random = np.random.default_rng(0)
        plane, _ = np.linalg.qr(random.normal(size=(made_up_run.EMBEDDING_SIZE, 2)))
        flat = [random.normal(size=(40, 2))] * 2
        proxies = (flat[0][:10] @ plane.T).reshape(5, 2, -1)
        shown = [
            {"index": np.int64(i), "embeddings": points @ plane.T, "labels": np.arange(40) % 5, "proxies": proxies}
            for i, points in enumerate(flat)
        ]
        pictured = []
        for panel, points in zip(visible(figures.draw_projections(shown)), flat):
            drawn = np.concatenate([panel.collections[2 * c].get_offsets() for c in range(5)])
            in_order = np.concatenate([points[c::5] for c in range(5)])
            for actual, expected in zip(drawn[1:] - drawn[0], in_order[1:] - in_order[0]):
                self.assertAlmostEqual(np.linalg.norm(actual), np.linalg.norm(expected), places=6)
            self.assertEqual(panel.get_aspect(), 1.0)
            pictured.append(drawn)
        np.testing.assert_array_equal(*pictured)

    def test_classes_without_examples_have_no_colour(self):
        # Of many classes examples are kept of some: here of every tenth of 100.
        some = []
        for at in _projections(2, num_classes=100):
            kept = at["labels"] % 10 == 0
            some.append({**at, "embeddings": at["embeddings"][kept], "labels": at["labels"][kept]})
        figure = figures.draw_projections(some)
        self.assertEqual(legend(figure)[:8], [f"class {label}" for label in range(0, 80, 10)])
        # The two other classes' examples, and for each of the eight its examples, boxes and circles.
        counts = [len(collection.get_offsets()) for collection in figure.axes[1].collections]
        self.assertEqual(counts, [16] + [8, 3, 3] * 8)

    def test_a_class_may_be_gone_at_the_next_projection(self):
        first, second = _projections(2)
        kept = second["labels"] != 2
        second = {**second, "embeddings": second["embeddings"][kept], "labels": second["labels"][kept]}
        figure = figures.draw_projections([first, second])
        counts = [len(collection.get_offsets()) for collection in figure.axes[1].collections]
        self.assertEqual(counts, [8, 3, 3] * 2 + [0, 3, 3] + [8, 3, 3] * 2)

    def test_names_of_classes_are_those_of_the_records_or_given(self):
        records = [{**record, "class_names": np.array(list("abcde"))} for record in _projections(2)]
        self.assertEqual(legend(figures.draw_projections(records))[:5], list("abcde"))
        self.assertEqual(legend(figures.draw_projections(records, list("fghij")))[:5], list("fghij"))

    @parameterized.parameters(1, 4)
    def test_long_names_are_not_cut(self, count):
        names = [f"Japanese_(katakana)/character{c:02d}" for c in range(5)]
        figure = figures.draw_projections(_projections(count), names)
        self.assertEqual(legend(figure)[:5], names)
        self.assert_nothing_sticks_out(figure)
