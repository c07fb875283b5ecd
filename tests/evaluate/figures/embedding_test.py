"""An embedding in two dimensions."""

import warnings

import numpy as np
from absl.testing import parameterized

from evaluate import figures
from evaluate.figures.style import escaped_name, shortened
from tests.support import made_up_run
from tests.support.figure_checks import FigureTestCase, legend
from tests.support.made_up_run import AWKWARD_NAMES


def _offsets(figure):
    return np.concatenate([collection.get_offsets() for collection in figure.axes[0].collections])


class EmbeddingTest(FigureTestCase):
    def setUp(self):
        super().setUp()
        entry = made_up_run.projection(1, num_classes=12)
        self.embeddings, self.labels = entry["embeddings"], entry["labels"]
        self.names = [f"class {label}" for label in range(12)]

    def test_eight_of_twelve_classes_have_a_colour_and_a_marker_of_their_own(self):
        figure = figures.draw_embedding(self.embeddings, self.labels, self.names)
        # 8 of 0 … 11, evenly: the whole parts of i · 11 / 7.
        expected = [f"class {int(i * 11 / 7)}" for i in range(8)]
        self.assertEqual(legend(figure), [*expected, "4 other classes", "class mean"])
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
        self.assertEqual(legend(figure)[-1], "proxies")

    @parameterized.parameters(1, 3, 12)
    def test_tsne_takes_any_number(self, count):
        figure = figures.draw_embedding(self.embeddings[:count], self.labels[:count], self.names, tsne=True)
        self.assertTrue(np.isfinite(_offsets(figure)).all())

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
        shown = [text.strip().replace(r"\$", "$") for text in legend(figure)[:8]]
        self.assertEqual(shown[:7], [*AWKWARD_NAMES[:6], "tab ted"])
        self.assertEqual(shown[7], f"l{'o' * 19}…{'o' * 17}ng")
        self.assert_is_png_of(figure)
        self.assert_nothing_sticks_out(figure)
        figure = figures.draw_projections([made_up_run.projection(0, num_classes=8)], AWKWARD_NAMES)
        self.assertEqual(legend(figure)[:8], [escaped_name(shortened(name, 40)) for name in AWKWARD_NAMES])
        self.assert_is_png_of(figure)
