"""The pictures of a run: what is on them, that nothing sticks out, and the files."""

import io
import math
import warnings

import numpy as np
from absl.testing import parameterized
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from evaluate import figures
from evaluate.geometry import radii_by_projection
from experiments.projection_records import read_projections
from experiments.run_directory import RunDirectory
from tests.support import made_up_run, pictures

_DPI = 130


def _projections(count, num_classes=5):
    return [made_up_run.projection(index, num_classes) for index in range(count)]


def _visible(figure):
    return [axes for axes in figure.axes if axes.get_visible()]


class FigureTestCase(parameterized.TestCase):
    def assert_is_png_of(self, figure):
        """Its file is as large as the figure says, and not blank."""
        image = Image.open(io.BytesIO(figures.to_png(figure)))
        self.assertEqual(image.format, "PNG")
        # Whole pixels of 130 to the inch.
        np.testing.assert_allclose(image.size, figure.get_size_inches() * _DPI, atol=1.0)
        self.assertGreater(np.asarray(image.convert("L")).std(), 1.0)

    def assert_nothing_sticks_out(self, figure):
        canvas = FigureCanvasAgg(figure)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Glyph .* missing from")  # Not every script is in the font.
            canvas.draw()
        inside = figure.bbox
        texts = [text for axes in _visible(figure) for text in (axes.title, axes.xaxis.label, axes.yaxis.label)]
        for artist in (*figure.legends, *(text for text in texts if text.get_text())):
            extent = artist.get_window_extent(canvas.get_renderer())
            self.assertGreaterEqual(min(extent.x0 - inside.x0, extent.y0 - inside.y0), -1.0, artist)
            self.assertLessEqual(max(extent.x1 - inside.x1, extent.y1 - inside.y1), 1.0, artist)


class ProjectionsTest(FigureTestCase):
    @parameterized.product(count=(1, 4, 13), num_classes=(5, 100))
    def test_draws(self, count, num_classes):
        figure = figures.draw_projections(_projections(count, num_classes))
        panels = _visible(figure)
        self.assertLen(panels, min(count, 12))
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)
        # 8 classes have a colour and a name; the proxies before and after them are named too.
        (legend,) = figure.legends
        names = [text.get_text() for text in legend.get_texts()]
        self.assertEqual(names, [f"class {c}" for c in range(min(num_classes, 8))] + ["proxies", "next proxies"])

    def test_of_13_projections_12_are_shown_from_first_to_last(self):
        # 12 of 0 … 12, evenly: round(i · 12 / 11) leaves out 6 (5.45 → 5, 6.55 → 7).
        panels = _visible(figures.draw_projections(_projections(13)))
        titles = ["initialisation"] + [f"projection {index}" for index in range(1, 13) if index != 6]
        self.assertEqual([panel.get_title() for panel in panels], titles)

    @parameterized.parameters((5, [8] * 5), (8, [8] * 8), (100, [8] * 8 + [8 * 92]))
    def test_points_of_a_panel(self, num_classes, expected):
        # Per class its 8 examples, those of more than 8 classes together; for each class with a colour 3 boxes and
        # 3 circles, but no boxes at the initialisation.
        coloured = min(num_classes, 8)
        first, second = _visible(figures.draw_projections(_projections(2, num_classes)))
        for panel, marks in ((first, 1), (second, 2)):
            counts = sorted(len(collection.get_offsets()) for collection in panel.collections)
            self.assertEqual(counts, [3] * (coloured * marks) + expected)

    def test_a_panel_keeps_distances_in_its_plane(self):
        # Points that lie in a plane are drawn at their true distances, whatever the rotation.
        random = np.random.default_rng(0)
        plane, _ = np.linalg.qr(random.normal(size=(made_up_run.EMBEDDING_SIZE, 2)))
        flat = [random.normal(size=(40, 2)) for _ in range(2)]
        proxies = (flat[0][:10] @ plane.T).reshape(5, 2, -1)
        shown = [
            {"index": np.int64(i), "embeddings": points @ plane.T, "labels": np.arange(40) % 5, "proxies": proxies}
            for i, points in enumerate(flat)
        ]
        for panel, points in zip(_visible(figures.draw_projections(shown)), flat):
            drawn = np.concatenate([panel.collections[2 * c].get_offsets() for c in range(5)])
            in_order = np.concatenate([points[c::5] for c in range(5)])
            for actual, expected in zip(drawn[1:] - drawn[0], in_order[1:] - in_order[0]):
                self.assertAlmostEqual(np.linalg.norm(actual), np.linalg.norm(expected), places=6)
            self.assertEqual(panel.get_aspect(), 1.0)

    def test_panels_are_turned_to_agree(self):
        # The same embedding in other coordinates, as training may come to: each panel shows the same picture.
        random = np.random.default_rng(1)
        first = made_up_run.projection(0)
        turned = [first]
        for index in (1, 2, 3):
            rotation, _ = np.linalg.qr(random.normal(size=[made_up_run.EMBEDDING_SIZE] * 2))
            turned.append(
                {
                    **first,
                    "index": index,
                    "embeddings": first["embeddings"] @ rotation,
                    "proxies": first["proxies"] @ rotation,
                }
            )
        pictured = [
            np.concatenate([collection.get_offsets() for collection in panel.collections])
            for panel in _visible(figures.draw_projections(turned))
        ]
        for points in pictured[1:]:
            np.testing.assert_allclose(points, pictured[0], atol=1e-4)

    def test_classes_without_examples_have_no_colour(self):
        # Of many classes examples are kept of some: here of every tenth of 100.
        some = []
        for at in _projections(2, num_classes=100):
            kept = at["labels"] % 10 == 0
            some.append({**at, "embeddings": at["embeddings"][kept], "labels": at["labels"][kept]})
        figure = figures.draw_projections(some)
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        self.assertEqual(names[:8], [f"class {label}" for label in range(0, 80, 10)])
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

    @parameterized.parameters(1, 2, 4)
    def test_long_names_are_not_cut(self, count):
        names = [f"Japanese_(katakana)/character{c:02d}" for c in range(5)]
        figure = figures.draw_projections(_projections(count), names)
        self.assertEqual([text.get_text() for text in figure.legends[0].get_texts()][:5], names)
        self.assert_nothing_sticks_out(figure)


class RadiiTest(FigureTestCase):
    @parameterized.parameters(1, 4, 13)
    def test_equals_loops(self, count):
        projections = _projections(count)
        for at, row in zip(projections, radii_by_projection(projections)):
            self.assertEqual(row["projection"], at["index"])
            for name, key in (("before", "previous_proxies"), ("after", "proxies")):
                if key not in at:
                    self.assertTrue(math.isnan(row[name]))
                    continue
                radii = []
                for label in range(5):
                    own = at["embeddings"][at["labels"] == label]
                    radii.append(max(min(float(np.linalg.norm(e - p)) for p in at[key][label]) for e in own))
                self.assertAlmostEqual(row[name], sum(radii) / 5, places=6)

    @parameterized.product(count=(1, 4, 13), num_classes=(5, 100))
    def test_draws(self, count, num_classes):
        projections = _projections(count, num_classes)
        figure = figures.draw_radii(projections)
        rows = radii_by_projection(projections)
        for line, name in zip(figure.axes[0].lines, ("before", "after")):
            np.testing.assert_array_equal(line.get_xdata(), np.arange(count))
            np.testing.assert_array_equal(line.get_ydata(), [row[name] for row in rows])
        self.assertEqual(figure.axes[0].get_ylim()[0], 0.0)
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)


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


class FilesTest(FigureTestCase):
    def test_save_makes_the_folder(self):
        figure = figures.draw_radii(_projections(2))
        path = figures.save(figure, pictures.folder_for(self) / "made" / "radii.png")
        self.assertEqual(path.read_bytes(), figures.to_png(figure))

    def test_projections_of_a_run(self):
        run = RunDirectory(pictures.folder_for(self))
        self.assertEqual(read_projections(run), [])
        run.projections.mkdir()
        for index in (2, 0, 10, 1):
            kept = made_up_run.projection(index)
            kept["proxies"] = kept["proxies"] * 50.0  # As trained: outside the unit ball.
            del kept["index"]
            np.savez(run.projections / f"{index:04d}.npz", **kept, proximal_weight=0.0)
        read = read_projections(run)
        self.assertEqual([int(at["index"]) for at in read], [0, 1, 2, 10])
        for at in read:
            np.testing.assert_allclose(np.linalg.norm(at["proxies"], axis=-1), 1.0, rtol=1e-5)
        self.assertNotIn("previous_proxies", read[0])
        # Those that are inside stay as they are.
        np.testing.assert_allclose(
            read[1]["previous_proxies"], made_up_run.projection(1)["previous_proxies"], rtol=1e-5
        )
